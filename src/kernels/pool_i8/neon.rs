//! aarch64 Advanced SIMD.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::bytes::neon::U8x16;

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<U8x16>(job, rows, channels) }
}

/// 16 channels at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_i8__neon", isa: Isa::Neon, run };
