//! Advanced SIMD.

use super::{SoftmaxKernel, Stretch, row};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(log: bool, rows: Stretch) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x4, 4>(log, rows) }
}

#[target_feature(enable = "neon")]
unsafe fn run_masked(scores: *mut f32, cols: usize) {
    // SAFETY: as the caller promises.
    unsafe { row::run_masked::<F32x4, 4>(scores, cols) }
}

/// Four elements at a time.
pub static KERNEL: SoftmaxKernel = SoftmaxKernel { name: "softmax_f32__neon", isa: Isa::Neon, run, run_masked };
