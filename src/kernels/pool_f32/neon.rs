//! Advanced SIMD.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<F32x4>(job, rows, channels) }
}

/// Four channels at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_f32__neon", isa: Isa::Neon, run };
