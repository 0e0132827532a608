//! Portable Rust.

use super::{Fold, Loops, Origins, ReduceKernel, WIDTH, folds};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn along(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::along::<F32x1, 32>(fold, origins, reduced, shifts, totals) }
}

unsafe fn across(fold: Fold, origins: Origins, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::across::<F32x1, 16, 16>(fold, origins.first, reduced, shifts, totals) }
}

/// One element at a time.
pub static KERNEL: ReduceKernel = ReduceKernel { name: "reduce_f32__generic", isa: Isa::Generic, along, across };
