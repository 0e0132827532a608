//! AVX-512.

use core::ops::Range;

use super::tile::panel;
use super::{DepthwiseKernel, Job};
use crate::Isa;
use crate::lanes::avx2::F32x8;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    for c in channels.clone().step_by(16) {
        let left = channels.end - c;
        // SAFETY: as the caller promises. Masks cost nothing here, and the shorter vector half as much as the longer.
        unsafe {
            match left {
                8 => panel::<F32x8, 8, 4, true, true>(job, rows.clone(), c, 8),
                _ => panel::<F32x16, 8, 4, false, true>(job, rows.clone(), c, left.min(16)),
            }
        }
    }
}

/// Sixteen channels at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_f32__avx512", isa: Isa::Avx512, run };
