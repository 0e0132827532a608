//! AVX2.

use core::ops::Range;

use super::{Job, ResizeKernel, walk};
use crate::Isa;
use crate::lanes::avx2::F32x8;
use crate::lanes::generic::F32x1;

#[target_feature(enable = "avx2")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe {
        // Stores under a mask are slow on many processors: not worth it for so few lanes.
        if job.shape.channels < 4 {
            walk::run::<F32x1>(job, rows);
        } else {
            walk::run::<F32x8>(job, rows);
        }
    }
}

/// Eight channels at a time.
pub static KERNEL: ResizeKernel = ResizeKernel { name: "resize_f32__avx2", isa: Isa::Avx2, run };
