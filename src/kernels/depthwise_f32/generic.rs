//! Portable Rust.

use core::ops::Range;

use super::tile::panel;
use super::{DepthwiseKernel, Job};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    for c in channels {
        // SAFETY: as the caller promises.
        unsafe { panel::<F32x1, 4, 2, true>(job, rows.clone(), c, 1) }
    }
}

/// One channel at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_f32__generic", isa: Isa::Generic, run };
