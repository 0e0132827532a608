//! Portable Rust.

use super::{Fold, Loops, ReduceKernel, WIDTH, folds};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn along(fold: Fold, x: *const f32, reduced: &Loops<1>, shift: f32) -> f64 {
    // SAFETY: as the caller promises.
    unsafe { folds::along::<F32x1, 32>(fold, x, reduced, shift) }
}

unsafe fn across(fold: Fold, x: *const f32, reduced: &Loops<1>, shifts: &[f32; WIDTH], totals: &mut [f64]) {
    // SAFETY: as the caller promises.
    unsafe { folds::across::<F32x1, 64, 16>(fold, x, reduced, shifts, totals) }
}

/// One element at a time.
pub static KERNEL: ReduceKernel = ReduceKernel { name: "reduce_f32__generic", isa: Isa::Generic, along, across };
