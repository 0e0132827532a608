//! AVX2.

use core::ops::Range;

use super::{Job, ResizeKernel, walk};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<F32x8>(job, rows) }
}

/// Eight channels at a time.
pub static KERNEL: ResizeKernel = ResizeKernel { name: "resize_f32__avx2", isa: Isa::Avx2, run };
