//! AVX-512.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::bytes::avx512::U8x64;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<U8x64>(job, rows, channels) }
}

/// 64 channels at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_i8__avx512", isa: Isa::Avx512, run };
