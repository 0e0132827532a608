//! AVX2 with FMA.

use core::ops::Range;

use super::tile::panel;
use super::{DepthwiseKernel, Job};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2,fma")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    for c in channels.clone().step_by(8) {
        let left = channels.end - c;
        // SAFETY: as the caller promises; vectors are halves of a panel.
        unsafe {
            if left >= 8 {
                panel::<F32x8, 4, 1, true>(job, rows.clone(), c, 8);
            } else {
                panel::<F32x8, 4, 1, false>(job, rows.clone(), c, left);
            }
        }
    }
}

/// Eight channels at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_f32__avx2", isa: Isa::Avx2, run };
