//! Portable Rust.

use core::ops::Range;

use super::{Job, PoolKernel, window};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { window::run::<F32x1>(job, rows, channels) }
}

/// One channel at a time.
pub static KERNEL: PoolKernel = PoolKernel { name: "pool_f32__generic", isa: Isa::Generic, run };
