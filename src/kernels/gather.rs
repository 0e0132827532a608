//! Slices of a tensor, taken by index.

#[cfg(test)]
mod tests;

use crate::parallel::share;
use crate::walk::{Loops, TASK_ELEMENTS, Tile};
use crate::{Element, Parallel, View, ViewMut};

/// An index outside the dimension that it indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The index.
    pub index: i64,
}

/// Integers that index; negative ones count from the end.
pub trait Index: Element + Into<i64> {}
impl Index for i32 {}
impl Index for i64 {}

/// y[.., i.., ..] = x[.., indices[i..], ..] along dimension `axis` of `x`. `y` is dense, of shape
/// x.dims[..axis] ++ shape of the indices ++ x.dims[axis+1..]; `indices` are row-major.
///
/// # Errors
/// The first index that is outside −d..d, with d the dimension; `y` is then not written.
///
/// # Panics
/// If there is no such dimension, or `y` is not dense or not of that size.
pub fn gather<T: Element, I: Index>(
    x: &View<'_, T>,
    axis: usize,
    indices: &[I],
    y: &mut ViewMut<'_, T>,
    parallel: &dyn Parallel,
) -> Result<(), OutOfRange> {
    let dim = *x.dims().get(axis).unwrap_or_else(|| panic!("no dimension {axis}"));
    if let Some(&index) = indices.iter().find(|&&index| resolve(index, dim).is_none()) {
        return Err(OutOfRange { index: index.into() });
    }
    // The indices were all found good.
    slices(x, axis, (indices.len(), &|i| resolve(indices[i], dim).unwrap_or(0)), y, parallel);
    Ok(())
}

/// Copies slices by the place of each along the axis.
fn slices<T: Element>(
    x: &View<'_, T>,
    axis: usize,
    (count, place): (usize, &(dyn Fn(usize) -> usize + Sync)),
    y: &mut ViewMut<'_, T>,
    parallel: &dyn Parallel,
) {
    let (outer_dims, inner_dims) = (&x.dims()[..axis], &x.dims()[axis + 1..]);
    let stride = x.strides()[axis];
    let (outer, inner) =
        (Loops::dense(outer_dims, &x.strides()[..axis]), Loops::dense(inner_dims, &x.strides()[axis + 1..]));
    let (slice, slices) = (inner.len(), outer.len() * count);
    assert!(y.is_dense() && y.len() == slices * slice, "the output is dense and has the slices' size");
    if slices * slice == 0 {
        return;
    }
    let (outer, inner) = (outer.merged(), inner.merged());
    let tasks = parallel.threads().min(slices * slice / TASK_ELEMENTS).max(1);
    let y = &*y;
    parallel.run(tasks, &|task| {
        for i in share(slices, 1, task, tasks) {
            let from = outer.offset_of(i / count)[1] + place(i % count) as isize * stride;
            // SAFETY: the place is below the dimension, the others below theirs; slice `i` of `y` is this task's.
            unsafe { copy_slice(x.as_ptr().offset(from), y.as_ptr().add(i * slice), &inner) };
        }
    });
}

/// The place of a slice.
fn resolve<I: Index>(index: I, dim: usize) -> Option<usize> {
    let index: i64 = index.into();
    let from_start = if index < 0 { index.checked_add(dim as i64)? } else { index };
    usize::try_from(from_start).ok().filter(|&i| i < dim)
}

/// # Safety
/// What the loops address from `x` on is valid to read, and from `y` on to write.
unsafe fn copy_slice<T: Element>(x: *const T, y: *mut T, inner: &Loops<2>) {
    inner.walk(&|tile| {
        let Tile { rows, cols, row: [y_row, x_row], col: [y_col, x_col], .. } = *tile;
        for r in 0..rows as isize {
            // SAFETY: the tile's elements are the loops'.
            unsafe {
                let (x, y) = (x.offset(tile.offset[1] + r * x_row), y.offset(tile.offset[0] + r * y_row));
                if x_col == 1 && y_col == 1 {
                    core::ptr::copy_nonoverlapping(x, y, cols);
                } else {
                    (0..cols as isize).for_each(|c| y.offset(c * y_col).write(x.offset(c * x_col).read()));
                }
            }
        }
    });
}
