//! AVX2.

use super::{SoftmaxKernel, Stretch, row};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn run(log: bool, rows: Stretch) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x8, 2>(log, rows) }
}

#[target_feature(enable = "avx2")]
unsafe fn run_masked(scores: *mut f32, cols: usize) {
    // SAFETY: as the caller promises.
    unsafe { row::run_masked::<F32x8, 2>(scores, cols) }
}

/// Eight elements at a time.
pub static KERNEL: SoftmaxKernel = SoftmaxKernel { name: "softmax_f32__avx2", isa: Isa::Avx2, run, run_masked };
