//! One of two tensors, element by element.

#[cfg(test)]
mod tests;

use crate::walk::{Tile, loops_of};
use crate::{Element, Parallel, View, ViewMut};

/// y = c ≠ 0 ? a : b, elementwise; `y` may coincide with `a` or `b`, of which, as of `c`, dimensions with stride 0 are
/// broadcast. Dimensions are best merged by [`crate::Loops::merged`] beforehand, with `y` as the first operand.
///
/// # Panics
/// If the dimensions differ.
pub fn select<T: Element>(
    c: &View<'_, u8>,
    a: &View<'_, T>,
    b: &View<'_, T>,
    y: &mut ViewMut<'_, T>,
    parallel: &dyn Parallel,
) {
    loops_of!(y, c, a, b).each(parallel, &|tile| {
        let Tile { row: [y_row, c_row, a_row, b_row], col: [y_col, c_col, a_col, b_col], .. } = *tile;
        for r in 0..tile.rows as isize {
            // SAFETY: a tile of the loops addresses elements of the views: those of `y` are its own or those of an
            // operand that coincides with it, and each is read before it is written.
            unsafe {
                let y = y.as_ptr().offset(tile.offset[0] + r * y_row);
                let c = c.as_ptr().offset(tile.offset[1] + r * c_row);
                let a = a.as_ptr().offset(tile.offset[2] + r * a_row);
                let b = b.as_ptr().offset(tile.offset[3] + r * b_row);
                match tile.col {
                    [1, 1, 1, 1] => (0..tile.cols).for_each(|i| {
                        let (a, b) = (*a.add(i), *b.add(i));
                        y.add(i).write(if *c.add(i) != 0 { a } else { b });
                    }),
                    _ => (0..tile.cols as isize).for_each(|i| {
                        let (a, b) = (*a.offset(i * a_col), *b.offset(i * b_col));
                        y.offset(i * y_col).write(if *c.offset(i * c_col) != 0 { a } else { b });
                    }),
                }
            }
        }
    });
}
