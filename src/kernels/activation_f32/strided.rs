//! Functions of tensors with any strides.

use super::ActivationKernel;
use crate::activation::Function;
use crate::walk::loops_of;
use crate::{Parallel, View, ViewMut};

/// Elements that are brought together where they do not lie side by side.
const CHUNK: usize = 64;

impl ActivationKernel {
    /// y = f(x), elementwise; `y` may coincide with `x`. Dimensions are best merged by [`crate::Loops::merged`]
    /// beforehand, with `y` as the first operand.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn run_strided(&self, f: &Function, x: &View<'_, f32>, y: &mut ViewMut<'_, f32>, parallel: &dyn Parallel) {
        loops_of!(y, x).each(parallel, &|tile| {
            let ([y_row, x_row], [y_col, x_col]) = (tile.row, tile.col);
            for r in 0..tile.rows as isize {
                // SAFETY: a row of a tile of the loops addresses elements of the two views, which are the same or
                // share none; the processor has the kernel's instruction set, or it would not have been selected.
                unsafe {
                    let x = x.as_ptr().offset(tile.offset[1] + r * x_row);
                    let y = y.as_ptr().offset(tile.offset[0] + r * y_row);
                    if y_col == 1 && x_col == 1 || tile.cols == 1 {
                        self.apply(f, x, y, tile.cols);
                    } else {
                        self.row_by_chunks(f, (x, x_col), (y, y_col), tile.cols);
                    }
                }
            }
        });
    }

    /// # Safety
    /// `len` elements from `x` and `y` on, in their steps, are valid to read and to write, and the same or different
    /// ones. The processor has the kernel's instruction set.
    unsafe fn row_by_chunks(
        &self,
        f: &Function,
        (x, x_step): (*const f32, isize),
        (y, y_step): (*mut f32, isize),
        len: usize,
    ) {
        let mut chunk = [0f32; CHUNK];
        let mut begin = 0;
        while begin < len {
            let count = CHUNK.min(len - begin);
            // SAFETY: `begin + count` is at most `len`.
            unsafe {
                for (i, c) in chunk[..count].iter_mut().enumerate() {
                    *c = x.offset((begin + i) as isize * x_step).read();
                }
                let p = chunk.as_mut_ptr();
                self.apply(f, p, p, count);
                for (i, c) in chunk[..count].iter().enumerate() {
                    y.offset((begin + i) as isize * y_step).write(*c);
                }
            }
            begin += count;
        }
    }
}
