//! AVX2 with FMA.

use core::ops::Range;

use super::{ConvTransposeKernel, Job, gather};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2,fma")]
unsafe fn run(job: &Job<'_>, row: usize, groups: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { gather::run::<F32x8>(job, row, groups) }
}

/// Eight channels at a time.
pub static KERNEL: ConvTransposeKernel = ConvTransposeKernel { name: "conv_transpose_f32__avx2", isa: Isa::Avx2, run };
