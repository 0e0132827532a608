//! AVX2.

use super::{Fold, Loops, Origins, ReduceKernel, WIDTH, folds};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn along(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::along::<F32x8, 4>(fold, origins, reduced, shifts, totals) }
}

#[target_feature(enable = "avx2")]
unsafe fn across(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::across::<F32x8, 8, 2>(fold, origins.first, reduced, shifts, totals) }
}

/// Eight elements at a time.
pub static KERNEL: ReduceKernel = ReduceKernel { name: "reduce_f32__avx2", isa: Isa::Avx2, along, across };
