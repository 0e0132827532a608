//! AVX-512.

use super::{Fold, Loops, Origins, ReduceKernel, WIDTH, folds};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn along(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::along::<F32x16, 2>(fold, origins, reduced, shifts, totals) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn across(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::across::<F32x16, 4, 1>(fold, origins.first, reduced, shifts, totals) }
}

/// Sixteen elements at a time.
pub static KERNEL: ReduceKernel = ReduceKernel { name: "reduce_f32__avx512", isa: Isa::Avx512, along, across };
