//! Portable Rust.

use core::ops::Range;

use super::{ConvTransposeKernel, Job, gather};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(job: &Job<'_>, row: usize, groups: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { gather::run::<F32x1>(job, row, groups) }
}

/// One channel at a time.
pub static KERNEL: ConvTransposeKernel =
    ConvTransposeKernel { name: "conv_transpose_f32__generic", isa: Isa::Generic, run };
