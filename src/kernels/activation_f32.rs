//! Elementwise f32 functions.
//!
//! Each function is written once (`functions`) over vectors of any length, so that every instruction set gives
//! the same bits. Against f64, for arguments whose result is a normal number: exp, ln, expm1 (elu, selu, celu),
//! sigmoid, silu, tanh, erf, softplus and mish stay within 4 units in the last place of the result; gelu within
//! 4 units in the last place of max(|result|, |x|/4); the others round each of their operations once. Below −87
//! sigmoid, silu and mish end in 0 with an error of no more than 1e-36. Special values: NaN gives NaN, eˣ overflows
//! to ∞ and underflows gradually to 0, ln 0 = −∞, ln and √ of negative numbers are NaN.
//! Silu, the two gelu, mish and hard-swish of −∞ are NaN or −0, as their formulas tell.

pub(crate) mod functions;
mod strided;
#[cfg(test)]
mod tests;

use core::ops::Range;

use crate::activation::Function;
use crate::{Isa, RowsMut};

crate::kernels! { ActivationKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// A kernel that applies a [`Function`].
#[derive(Debug)]
pub struct ActivationKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// See [`ActivationKernel::apply`].
    pub run: unsafe fn(f: &Function, x: *const f32, y: *mut f32, len: usize),
}

impl ActivationKernel {
    /// `y[i] = f(x[i])` for `len` contiguous elements; `y` may be `x`.
    ///
    /// # Safety
    /// `x` is valid for reading and `y` for writing `len` elements, and they are the same or do not overlap. The
    /// processor has the kernel's instruction set.
    #[inline]
    pub unsafe fn apply(&self, f: &Function, x: *const f32, y: *mut f32, len: usize) {
        // SAFETY: as the caller promises.
        unsafe { (self.run)(f, x, y, len) }
    }

    /// Applies `f` to every element of `rows`.
    pub fn apply_in_place(&self, f: &Function, rows: &mut RowsMut<'_, f32>) {
        if f.is_identity() || rows.rows() == 0 {
            return;
        }
        let (first, pitch, cols) = (rows.as_ptr(), rows.pitch(), rows.cols());
        if pitch == cols {
            // SAFETY: rows without gaps are one stretch, borrowed mutably.
            return unsafe { self.apply(f, first, first, rows.rows() * cols) };
        }
        for r in 0..rows.rows() {
            // SAFETY: row `r` lies in the view, which is borrowed mutably.
            unsafe {
                let row = first.add(r * pitch);
                self.apply(f, row, row, cols);
            }
        }
    }

    /// Applies `f` to some columns of some rows.
    ///
    /// # Safety
    /// The ranges lie in `rows`, no other thread accesses these elements, and the processor has the kernel's
    /// instruction set.
    pub(crate) unsafe fn apply_to_part(
        &self,
        f: &Function,
        y: &RowsMut<'_, f32>,
        rows: Range<usize>,
        cols: Range<usize>,
    ) {
        let (pitch, len) = (y.pitch(), cols.len());
        // SAFETY: the part's elements lie in the view; whole rows without gaps are one stretch.
        unsafe {
            let first = y.as_ptr().add(cols.start);
            if pitch == len {
                let first = first.add(rows.start * pitch);
                return self.apply(f, first, first, rows.len() * pitch);
            }
            for row in rows {
                let first = first.add(row * pitch);
                self.apply(f, first, first, len);
            }
        }
    }
}
