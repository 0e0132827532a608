//! Portable Rust.

use super::{SoftmaxKernel, Stretch, row};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(log: bool, rows: Stretch) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x1, 16>(log, rows) }
}

unsafe fn run_masked(scores: *mut f32, cols: usize) {
    // SAFETY: as the caller promises.
    unsafe { row::run_masked::<F32x1, 16>(scores, cols) }
}

/// One element at a time.
pub static KERNEL: SoftmaxKernel = SoftmaxKernel { name: "softmax_f32__generic", isa: Isa::Generic, run, run_masked };
