//! AVX-512.

use super::{SoftmaxKernel, Stretch, row};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(log: bool, rows: Stretch) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x16, 1>(log, rows) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run_masked(scores: *mut f32, cols: usize) {
    // SAFETY: as the caller promises.
    unsafe { row::run_masked::<F32x16, 1>(scores, cols) }
}

/// Sixteen elements at a time.
pub static KERNEL: SoftmaxKernel = SoftmaxKernel { name: "softmax_f32__avx512", isa: Isa::Avx512, run, run_masked };
