//! AVX2.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<F32x8>(job, rows, channels) }
}

/// Eight channels at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_f32__avx2", isa: Isa::Avx2, run };
