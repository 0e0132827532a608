//! Softmax of rows and its logarithm.
//!
//! A row is summed in 16 partial sums that are combined in one fixed order, and the exponential is the one of
//! [`crate::activation_f32`]: every instruction set gives the same bits. Against f64, with d the difference of
//! maximum and element, softmax stays within (1e-6 + 6e-8·d) of its value and 1e-37, its logarithm within
//! 1e-6 + 2.4e-7·d. A row that has NaN or +∞, or nothing but −∞, becomes NaN.

mod row;
#[cfg(test)]
mod tests;

use crate::parallel::{Parallel, share};
use crate::{Isa, Rows, RowsMut};

crate::kernels! { SoftmaxKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// A kernel that makes a row's softmax.
#[derive(Debug)]
pub struct SoftmaxKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// y = softmax(x), or its logarithm, of `rows`; `y` may be `x`.
    ///
    /// # Safety
    /// The rows of `x` are valid for reading and those of `y` for writing, and they are the same or do not
    /// overlap. The processor has the kernel's instruction set.
    run: unsafe fn(log: bool, rows: Stretch),
    /// The softmax of `cols` scores, in their place; all zeros if all are −∞.
    ///
    /// # Safety
    /// `scores` is valid for `cols` elements. The processor has the kernel's instruction set.
    pub(crate) run_masked: unsafe fn(scores: *mut f32, cols: usize),
}

/// Some rows to work on.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    x: *const f32,
    x_pitch: usize,
    y: *mut f32,
    y_pitch: usize,
    rows: usize,
    cols: usize,
}

/// Elements below which a second thread costs more than it saves.
const GRAIN: usize = 4096;

impl SoftmaxKernel {
    /// y = softmax of each row of `x`, or its logarithm; `y` may be `x`.
    ///
    /// # Panics
    /// If the two differ in shape.
    pub fn apply(&self, log: bool, x: &Rows<'_, f32>, y: &mut RowsMut<'_, f32>, parallel: &dyn Parallel) {
        assert_eq!((x.rows(), x.cols()), (y.rows(), y.cols()), "softmax keeps the shape");
        let (y, rows, cols) = (&*y, x.rows(), x.cols());
        if rows == 0 || cols == 0 {
            return;
        }
        let tasks = parallel.threads().min(rows * cols / GRAIN).clamp(1, rows);
        parallel.run(tasks, &|task| {
            let share = share(rows, 1, task, tasks);
            // SAFETY: the share lies in the rows that both views promise; tasks write different rows. A view
            // that coincides does so element for element. The kernel was selected for this processor.
            unsafe {
                let (x_pitch, y_pitch) = (x.pitch(), y.pitch());
                let (x, y) = (x.as_ptr().add(share.start * x_pitch), y.as_ptr().add(share.start * y_pitch));
                (self.run)(log, Stretch { x, x_pitch, y, y_pitch, rows: share.len(), cols });
            }
        });
    }
}
