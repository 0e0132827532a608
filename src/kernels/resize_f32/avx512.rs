//! AVX-512.

use core::ops::Range;

use super::{Job, ResizeKernel, walk};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<F32x16>(job, rows) }
}

/// Sixteen channels at a time.
pub static KERNEL: ResizeKernel = ResizeKernel { name: "resize_f32__avx512", isa: Isa::Avx512, run };
