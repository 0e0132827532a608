//! aarch64 with the dot-product instructions.

use core::arch::aarch64::*;
use core::arch::asm;
use core::ops::Range;

use super::a64::{Products, Vector, words};
use super::lanes::Task;
use super::{DepthwiseKernel, Job, walk};
use crate::Isa;

/// Products of signed bytes: those of the input are taken less 128.
#[derive(Clone, Copy)]
struct Signed;

// SAFETY: few instructions each; the caller has the instruction set.
unsafe impl Products for Signed {
    const SWEEPS: bool = true;
    const SHIFTS: bool = true;
    type Quads = int8x16_t;

    #[inline(always)]
    unsafe fn within<T: Task>(task: T) {
        #[target_feature(enable = "neon,dotprod")]
        unsafe fn run<T: Task>(task: T) {
            // SAFETY: as the caller promises.
            unsafe { task.run() }
        }
        // SAFETY: as the caller promises.
        unsafe { run(task) }
    }
    #[inline(always)]
    unsafe fn interleave(rows: [uint8x16_t; 4]) -> [int8x16_t; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let flip = vdupq_n_u8(0x80);
            words(rows.map(|row| veorq_u8(row, flip))).map(|words| vreinterpretq_s8_u8(words))
        }
    }
    #[inline(always)]
    unsafe fn weights(words: uint8x16_t) -> int8x16_t {
        // SAFETY: as the caller promises.
        unsafe { vreinterpretq_s8_u8(words) }
    }
    #[inline(always)]
    unsafe fn dot(mut sums: int32x4_t, quads: int8x16_t, weights: int8x16_t) -> int32x4_t {
        // SAFETY: the instruction reads and writes registers alone; the processor has it, as the caller promises.
        unsafe {
            asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums, in(vreg) quads, in(vreg) weights,
                options(pure, nomem, nostack, preserves_flags));
        }
        sums
    }
    #[inline(always)]
    unsafe fn shifted(sums: int32x4_t, weights: int8x16_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vsubq_s32(sums, Self::dot(vdupq_n_s32(0), vdupq_n_s8(-128), weights)) }
    }
}

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<Vector<Signed>>(job, rows, channels) }
}

/// 16 channels at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_i8__neondot", isa: Isa::NeonDot, run };
