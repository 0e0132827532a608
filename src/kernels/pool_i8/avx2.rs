//! AVX2.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::bytes::avx2::U8x32;

#[target_feature(enable = "avx2")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<U8x32>(job, rows, channels) }
}

/// 32 channels at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_i8__avx2", isa: Isa::Avx2, run };
