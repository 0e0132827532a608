//! Portable Rust.

use core::ops::Range;

use super::tile::panel;
use super::{DepthwiseKernel, Job, PANEL};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    for cache_line in channels.clone().step_by(PANEL) {
        // Row by row, so that a channel finds near what the one before it has read.
        for row in rows.clone() {
            for c in cache_line..channels.end.min(cache_line + PANEL) {
                // SAFETY: as the caller promises.
                unsafe { panel::<F32x1, 4, 2, true, true>(job, row..row + 1, c, 1) }
            }
        }
    }
}

/// One channel at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_f32__generic", isa: Isa::Generic, run };
