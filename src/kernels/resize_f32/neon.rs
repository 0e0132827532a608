//! Advanced SIMD.

use core::ops::Range;

use super::{Job, ResizeKernel, walk};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<F32x4>(job, rows) }
}

/// Four channels at a time.
pub static KERNEL: ResizeKernel = ResizeKernel { name: "resize_f32__neon", isa: Isa::Neon, run };
