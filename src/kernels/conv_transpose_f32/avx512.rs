//! AVX-512.

use core::ops::Range;

use super::{ConvTransposeKernel, Job, gather};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(job: &Job<'_>, row: usize, groups: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { gather::run::<F32x16>(job, row, groups) }
}

/// Sixteen channels at a time.
pub static KERNEL: ConvTransposeKernel =
    ConvTransposeKernel { name: "conv_transpose_f32__avx512", isa: Isa::Avx512, run };
