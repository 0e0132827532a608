//! Softmax of bytes over the last dimension. With M the greatest x of a row and e = exponentials\[255 − M + x\], y =
//! clamp(rne(f32(e) · (inverse_scale / f32(Σ e))) + zero, 0, 255): the sum is exact, the quotient one division, the
//! product one multiplication; NaN counts as the least.

mod row;
#[cfg(test)]
mod tests;

use crate::parallel::{Parallel, share};
use crate::table::{ENTRIES, TableKernel};
use crate::{Isa, Rows, RowsMut};

crate::kernels! { SoftmaxKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    generic;
}

/// What is computed.
#[derive(Clone, Copy, Debug)]
pub struct Softmax<'a> {
    /// Of 255 numbers below the greatest, …, of the greatest.
    pub exponentials: &'a [u32; ENTRIES],
    /// 1 / scale of y.
    pub inverse_scale: f32,
    /// Zero point of y.
    pub zero: u8,
}

/// A kernel that makes a row's softmax.
#[derive(Debug)]
pub struct SoftmaxKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// The softmax of `cols` bytes; `y` may be `x`.
    ///
    /// # Safety
    /// `x` is valid for reading and `y` for writing `cols` bytes, at least one, and they are the same or do not
    /// overlap. The processor has the instruction sets of this kernel and of the one for tables.
    run: unsafe fn(how: &Softmax<'_>, tables: &TableKernel, x: *const u8, y: *mut u8, cols: usize),
}

/// Elements below which a second thread costs more than it saves.
const GRAIN: usize = 4096;

impl SoftmaxKernel {
    /// y = softmax of each row of `x`; `y` may be `x`. `tables` looks long rows up.
    ///
    /// # Panics
    /// If the two differ in shape.
    pub fn apply(
        &self,
        how: &Softmax<'_>,
        tables: &TableKernel,
        x: &Rows<'_, u8>,
        y: &mut RowsMut<'_, u8>,
        parallel: &dyn Parallel,
    ) {
        assert_eq!((x.rows(), x.cols()), (y.rows(), y.cols()), "softmax keeps the shape");
        let (y, rows, cols) = (&*y, x.rows(), x.cols());
        if rows == 0 || cols == 0 {
            return;
        }
        let tasks = parallel.threads().min(rows * cols / GRAIN).clamp(1, rows);
        parallel.run(tasks, &|task| {
            for r in share(rows, 1, task, tasks) {
                // SAFETY: row `r` lies in both views, and no other task writes it. A view that coincides does so element
                // for element. The kernels were selected for this processor.
                unsafe {
                    let (x, y) = (x.as_ptr().add(r * x.pitch()), y.as_ptr().add(r * y.pitch()));
                    (self.run)(how, tables, x, y, cols);
                }
            }
        });
    }
}
