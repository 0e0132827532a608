//! aarch64 with the dot product of unsigned and signed bytes.

use core::arch::aarch64::*;
use core::arch::asm;
use core::ops::Range;

use super::a64::{Products, Vector, words};
use super::lanes::Task;
use super::{DepthwiseKernel, Job, walk};
use crate::Isa;

/// Products of bytes as they are.
#[derive(Clone, Copy)]
struct Mixed;

// SAFETY: few instructions each; the caller has the instruction set.
unsafe impl Products for Mixed {
    const SWEEPS: bool = true;
    const SHIFTS: bool = false;
    type Quads = uint8x16_t;

    #[inline(always)]
    unsafe fn within<T: Task>(task: T) {
        #[target_feature(enable = "neon,dotprod,i8mm")]
        unsafe fn run<T: Task>(task: T) {
            // SAFETY: as the caller promises.
            unsafe { task.run() }
        }
        // SAFETY: as the caller promises.
        unsafe { run(task) }
    }
    #[inline(always)]
    unsafe fn interleave(rows: [uint8x16_t; 4]) -> [uint8x16_t; 4] {
        // SAFETY: as the caller promises.
        unsafe { words(rows) }
    }
    #[inline(always)]
    unsafe fn weights(words: uint8x16_t) -> uint8x16_t {
        words
    }
    #[inline(always)]
    unsafe fn dot(mut sums: int32x4_t, quads: uint8x16_t, weights: uint8x16_t) -> int32x4_t {
        // SAFETY: the instruction reads and writes registers alone; the processor has it, as the caller promises.
        unsafe {
            asm!("usdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums, in(vreg) quads, in(vreg) weights,
                options(pure, nomem, nostack, preserves_flags));
        }
        sums
    }
    #[inline(always)]
    unsafe fn shifted(sums: int32x4_t, _: uint8x16_t) -> int32x4_t {
        sums
    }
}

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<Vector<Mixed>>(job, rows, channels) }
}

/// 16 channels at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_i8__neoni8mm", isa: Isa::NeonI8mm, run };
