//! Portable Rust.

use core::ops::Range;

use super::{Job, ResizeKernel, walk};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(job: &Job<'_>, rows: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<F32x1>(job, rows) }
}

/// One channel at a time.
pub static KERNEL: ResizeKernel = ResizeKernel { name: "resize_f32__generic", isa: Isa::Generic, run };
