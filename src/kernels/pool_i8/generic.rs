//! Portable Rust.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::bytes::generic::U8x4;

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<U8x4>(job, rows, channels) }
}

/// Four channels at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_i8__generic", isa: Isa::Generic, run };
