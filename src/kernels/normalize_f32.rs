//! Layer and RMS normalization of rows.
//!
//! Sums are 16 partial sums combined in one fixed order, and the variance is that of the differences to the mean:
//! every instruction set gives the same bits. Against f64, with g the row's greatest magnitude and d its deviation (the
//! root with epsilon), the value before the activation stays within 1e-6 · (1 + |y| + g/d · max(1, |scale|)).

mod row;
#[cfg(test)]
mod tests;

use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::parallel::{Parallel, share};
use crate::{Isa, Rows, RowsMut};

crate::kernels! { NormalizeKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// What a row is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its standard deviation, after its mean was subtracted.
    Layer,
    /// Its root mean square.
    Rms,
}

/// What to do with each row: y = activation((x − mean) / √(variance + epsilon) · scale + shift).
#[derive(Clone, Copy, Debug)]
pub struct Normalization<'a> {
    /// Which.
    pub kind: Kind,
    /// Added to the variance.
    pub epsilon: f32,
    /// One row of factors, or none.
    pub scale: Option<Rows<'a, f32>>,
    /// One row of summands, or none.
    pub shift: Option<Rows<'a, f32>>,
    /// Applied last.
    pub activation: Function,
}

/// A kernel that normalizes rows.
#[derive(Debug)]
pub struct NormalizeKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Normalizes one row of at least one element, all but the activation; `y` may be `x`.
    ///
    /// # Safety
    /// The row's pointers are valid, `x`'s and the parameters' for reading and `y`'s for writing; `y` is `x` or does
    /// not overlap the others. The processor has the kernel's instruction set.
    run: unsafe fn(row: &Row),
}

/// A row to work on.
#[derive(Clone, Copy, Debug)]
struct Row {
    kind: Kind,
    epsilon: f32,
    x: *const f32,
    y: *mut f32,
    scale: Option<*const f32>,
    shift: Option<*const f32>,
    cols: usize,
}

/// Elements below which a second thread costs more than it saves.
const GRAIN: usize = 4096;

impl NormalizeKernel {
    /// Normalizes each row of `x` into `y`, which may be `x`; `activations` applies the activation.
    ///
    /// # Panics
    /// If shapes differ.
    pub fn apply(
        &self,
        how: &Normalization<'_>,
        activations: &ActivationKernel,
        x: &Rows<'_, f32>,
        y: &mut RowsMut<'_, f32>,
        parallel: &dyn Parallel,
    ) {
        assert_eq!((x.rows(), x.cols()), (y.rows(), y.cols()), "normalization keeps the shape");
        let (y, rows, cols) = (&*y, x.rows(), x.cols());
        for parameter in [&how.scale, &how.shift].into_iter().flatten() {
            assert_eq!((parameter.rows(), parameter.cols()), (1, cols), "a parameter for each column");
        }
        if rows == 0 || cols == 0 {
            return;
        }
        let tasks = parallel.threads().min(rows * cols / GRAIN).clamp(1, rows);
        parallel.run(tasks, &|task| {
            for r in share(rows, 1, task, tasks) {
                // SAFETY: row `r` and the parameters lie in what the views promise; tasks write different rows. A
                // view that coincides does so element for element. The kernels were selected for this processor.
                unsafe {
                    let (x, y) = (x.as_ptr().add(r * x.pitch()), y.as_ptr().add(r * y.pitch()));
                    let [scale, shift] = [&how.scale, &how.shift].map(|p| p.map(|p| p.as_ptr()));
                    (self.run)(&Row { kind: how.kind, epsilon: how.epsilon, x, y, scale, shift, cols });
                    if !how.activation.is_identity() {
                        activations.apply(&how.activation, y, y, cols);
                    }
                }
            }
        });
    }
}
