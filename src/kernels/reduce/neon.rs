//! Advanced SIMD.

use super::{Fold, Loops, Origins, ReduceKernel, WIDTH, folds};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn along(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::along::<F32x4, 8>(fold, origins, reduced, shifts, totals) }
}

#[target_feature(enable = "neon")]
unsafe fn across(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::across::<F32x4, 16, 4>(fold, origins.first, reduced, shifts, totals) }
}

/// Four elements at a time.
pub static KERNEL: ReduceKernel = ReduceKernel { name: "reduce_f32__neon", isa: Isa::Neon, along, across };
