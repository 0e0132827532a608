//! Reduction over some dimensions.
//!
//! f32 sums are made of partial sums of at most 64 elements each, which are added in pairs and then in f64, in an order
//! that the shape and the strides alone determine: every instruction set and every number of threads gives the same
//! bits, and a sum of n elements is within 70 units of 2⁻²⁴ of Σ|x|. Products are within n units of 2⁻²⁴ of their value.
//! Max and Min are NaN where an element is, ArgMax and ArgMin tell the first NaN. Over no elements, Sum is 0, Prod 1,
//! Mean NaN, Max the least value of the type (−∞) and Min the greatest. Integers wrap.

mod folds;
mod geometry;
mod plain;
#[cfg(test)]
mod tests;

use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::walk::Loops;
use crate::{Isa, Parallel, View, ViewMut};

use geometry::{Geometry, Part, WIDTH};
pub use plain::{Extremes, index, integers};

crate::kernels! { ReduceKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// What is computed of f32 elements; n is their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Σx
    Sum,
    /// Σx / n
    Mean,
    /// max x
    Max,
    /// min x
    Min,
    /// Πx
    Prod,
    /// Σx²
    SumSquare,
    /// Σ|x|
    L1,
    /// √Σx²
    L2,
    /// ln Σx
    LogSum,
    /// ln Σeˣ
    LogSumExp,
    /// Σx² / n
    MeanSquare,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 11] = [
        Kind::Sum,
        Kind::Mean,
        Kind::Max,
        Kind::Min,
        Kind::Prod,
        Kind::SumSquare,
        Kind::L1,
        Kind::L2,
        Kind::LogSum,
        Kind::LogSumExp,
        Kind::MeanSquare,
    ];
}

/// How elements are combined.
#[derive(Clone, Copy, Debug)]
enum Fold {
    Sum,
    SumSquare,
    SumMagnitude,
    /// Σe^(x − shift)
    SumExp,
    Max,
    Min,
    Prod,
}

/// Where the elements of the first total begin, and how far it is to those of the next.
#[derive(Clone, Copy, Debug)]
struct Origins {
    first: *const f32,
    step: isize,
}

/// A kernel that reduces f32 elements.
#[derive(Debug)]
pub struct ReduceKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// All that the loops address from each origin on, to one total.
    ///
    /// # Safety
    /// Those elements are valid to read. The processor has the kernel's instruction set.
    along: unsafe fn(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]),
    /// The same, side by side, where each origin is the neighbour of the one before.
    ///
    /// # Safety
    /// As for `along`.
    across: unsafe fn(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]),
}

impl ReduceKernel {
    /// y = f(reduction of `x` over the dimensions whose bits in `axes` are set). `y` is dense and has 1 in place of
    /// those dimensions. `activations` applies `f`.
    ///
    /// # Panics
    /// If `y` has another shape or is not dense.
    pub fn run(
        &self,
        (kind, axes): (Kind, u32),
        (f, activations): (&Function, &ActivationKernel),
        x: &View<'_, f32>,
        y: &mut ViewMut<'_, f32>,
        parallel: &dyn Parallel,
    ) {
        let geometry = Geometry::new(x.dims(), x.strides(), axes);
        geometry.check_output(y);
        let y = &*y;
        geometry.each(parallel, &|part| {
            // SAFETY: the part's elements are those of the two views, and those of `y` are this part's alone; the
            // kernel was selected for this processor.
            unsafe {
                let y = y.as_ptr().add(part.y);
                self.part(kind, x.as_ptr().offset(part.x), &geometry.reduced, part, y);
                activations.apply(f, y, y, part.width);
            }
        });
    }

    /// # Safety
    /// The part's elements are valid to read from `x` on and to write from `y` on.
    unsafe fn part(&self, kind: Kind, x: *const f32, reduced: &Loops<1>, part: &Part, y: *mut f32) {
        let n = reduced.len();
        let (mut totals, mut shifts) = ([0f64; WIDTH], [0f32; WIDTH]);
        let totals = &mut totals[..part.width];
        // SAFETY: as the caller promises; `i` is below the part's width.
        unsafe {
            if kind == Kind::LogSumExp {
                self.fold(Fold::Max, x, reduced, &shifts, totals, part);
                for (shift, greatest) in shifts.iter_mut().zip(&*totals) {
                    // Infinite differences would be NaN; the sum of e^±∞ needs no shift.
                    *shift = if greatest.is_finite() { *greatest as f32 } else { 0.0 };
                }
            }
            self.fold(fold_of(kind), x, reduced, &shifts, totals, part);
            for (i, (&total, &shift)) in totals.iter().zip(&shifts).enumerate() {
                y.add(i).write(finish(kind, total, n, shift));
            }
        }
    }

    /// # Safety
    /// As for [`ReduceKernel::part`].
    unsafe fn fold(
        &self,
        fold: Fold,
        x: *const f32,
        reduced: &Loops<1>,
        shifts: &[f32; WIDTH],
        totals: &mut [f64],
        part: &Part,
    ) {
        let run = if part.side_by_side { self.across } else { self.along };
        // SAFETY: as the caller promises.
        unsafe { run(fold, Origins { first: x, step: part.step }, reduced, shifts, totals) }
    }
}

fn fold_of(kind: Kind) -> Fold {
    match kind {
        Kind::Sum | Kind::Mean | Kind::LogSum => Fold::Sum,
        Kind::SumSquare | Kind::L2 | Kind::MeanSquare => Fold::SumSquare,
        Kind::L1 => Fold::SumMagnitude,
        Kind::LogSumExp => Fold::SumExp,
        Kind::Max => Fold::Max,
        Kind::Min => Fold::Min,
        Kind::Prod => Fold::Prod,
    }
}

fn finish(kind: Kind, total: f64, n: usize, shift: f32) -> f32 {
    match kind {
        Kind::Mean | Kind::MeanSquare => (total / n as f64) as f32,
        Kind::L2 => libm::sqrtf(total as f32),
        Kind::LogSum => libm::logf(total as f32),
        Kind::LogSumExp => shift + libm::logf(total as f32),
        _ => total as f32,
    }
}
