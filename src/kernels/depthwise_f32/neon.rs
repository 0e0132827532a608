//! Advanced SIMD.

use core::ops::Range;

use super::tile::panel;
use super::{DepthwiseKernel, Job, PANEL};
use crate::Isa;
use crate::lanes::neon::{F32x4, F32x8};

#[target_feature(enable = "neon")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    for cache_line in channels.clone().step_by(PANEL) {
        // Row by row, so that the other vectors find near what the first has read.
        for row in rows.clone() {
            for c in (cache_line..channels.end.min(cache_line + PANEL)).step_by(8) {
                let left = channels.end - c;
                // SAFETY: as the caller promises; vectors are parts of a panel. Few channels are left over.
                unsafe {
                    if left >= 8 {
                        panel::<F32x8, 8, 4, true, true>(job, row..row + 1, c, 8);
                    } else if left == 4 {
                        panel::<F32x4, 8, 4, true, false>(job, row..row + 1, c, 4);
                    } else {
                        panel::<F32x8, 8, 4, false, false>(job, row..row + 1, c, left);
                    }
                }
            }
        }
    }
}

/// Eight channels at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_f32__neon", isa: Isa::Neon, run };
