//! AVX-512.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<F32x16>(job, rows, channels) }
}

/// Sixteen channels at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_f32__avx512", isa: Isa::Avx512, run };
