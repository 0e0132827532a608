//! Advanced SIMD.

use core::ops::Range;

use super::{ConvTransposeKernel, Job, gather};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(job: &Job<'_>, row: usize, groups: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { gather::run::<F32x4>(job, row, groups) }
}

/// Four channels at a time.
pub static KERNEL: ConvTransposeKernel = ConvTransposeKernel { name: "conv_transpose_f32__neon", isa: Isa::Neon, run };
