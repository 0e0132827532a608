//! aarch64 Advanced SIMD: bytes and weights are widened to 16 bits.

use core::arch::aarch64::*;
use core::ops::Range;

use super::a64::{Products, Vector};
use super::lanes::Task;
use super::{DepthwiseKernel, Job, walk};
use crate::Isa;

/// Products of 16 bits.
#[derive(Clone, Copy)]
struct Wide;

// SAFETY: few instructions each; the caller has the instruction set.
unsafe impl Products for Wide {
    const SWEEPS: bool = false;
    const SHIFTS: bool = false;
    const WIDENS: bool = true;
    /// A quarter of the first row and of the second, then of the others.
    type Quads = [int16x8_t; 2];

    #[inline(always)]
    unsafe fn within<T: Task>(task: T) {
        #[inline(never)]
        unsafe fn run<T: Task>(task: T) {
            // SAFETY: as the caller promises.
            unsafe { task.run() }
        }
        // SAFETY: as the caller promises.
        unsafe { run(task) }
    }
    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [uint8x16_t; 4]) -> [[int16x8_t; 2]; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let pairs = |x, y| {
                let [x, y] = [x, y].map(|v| {
                    [vreinterpretq_u64_u16(vmovl_u8(vget_low_u8(v))), vreinterpretq_u64_u16(vmovl_high_u8(v))]
                });
                let [first, second] = [vzip1q_u64(x[0], y[0]), vzip2q_u64(x[0], y[0])];
                [first, second, vzip1q_u64(x[1], y[1]), vzip2q_u64(x[1], y[1])].map(|v| vreinterpretq_s16_u64(v))
            };
            let (first, second) = (pairs(a, b), pairs(c, d));
            [0, 1, 2, 3].map(|q| [first[q], second[q]])
        }
    }
    #[inline(always)]
    unsafe fn weights(words: uint8x16_t) -> [int16x8_t; 2] {
        const BY_ROWS: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
        // SAFETY: as the caller promises.
        unsafe {
            let rows = vreinterpretq_s8_u8(vqtbl1q_u8(words, vld1q_u8(BY_ROWS.as_ptr())));
            [vmovl_s8(vget_low_s8(rows)), vmovl_high_s8(rows)]
        }
    }
    #[inline(always)]
    unsafe fn weights_less(words: uint8x16_t, zeros: uint8x16_t) -> [int16x8_t; 2] {
        // SAFETY: as the caller promises.
        unsafe {
            let ([w0, w1], [z0, z1]) = (Self::weights(words), Self::weights(zeros));
            [vsubq_s16(w0, z0), vsubq_s16(w1, z1)]
        }
    }
    #[inline(always)]
    unsafe fn dot(mut sums: int32x4_t, quads: [int16x8_t; 2], weights: [int16x8_t; 2]) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe {
            for (quads, weights) in quads.into_iter().zip(weights) {
                sums = vmlal_s16(sums, vget_low_s16(quads), vget_low_s16(weights));
                sums = vmlal_high_s16(sums, quads, weights);
            }
            sums
        }
    }
    #[inline(always)]
    unsafe fn shifted(sums: int32x4_t, _: [int16x8_t; 2]) -> int32x4_t {
        sums
    }
}

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<Vector<Wide>>(job, rows, channels) }
}

/// 16 channels at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_i8__neon", isa: Isa::Neon, run };
