//! Advanced SIMD: transposes in squares of four, bytes in squares of sixteen, and three channels at once.

use core::arch::aarch64::*;

use super::squares::{self, Square};
use super::{Block, CopyKernel, generic};
use crate::Isa;
use crate::lanes::neon::F32x4;

/// Elements of a vector.
const N: usize = 4;

#[target_feature(enable = "neon")]
unsafe fn rows(block: &Block<u32>) {
    // SAFETY: as the caller promises.
    unsafe { squares::rows::<F32x4>(block) }
}

#[target_feature(enable = "neon")]
unsafe fn transpose(block: &Block<u32>) {
    // SAFETY: as the caller promises.
    unsafe {
        if block.cols == 3 && block.y_pitch == 3 {
            return interleave_3(block);
        }
        if block.rows == 3 && block.x_pitch == 3 {
            return deinterleave_3(block);
        }
        squares::transpose::<Floats>(block);
    }
}

#[target_feature(enable = "neon")]
unsafe fn transpose_bytes(block: &Block<u8>) {
    // SAFETY: as the caller promises.
    unsafe { squares::transpose::<Bytes>(block) }
}

/// Four rows of four: twice, rows i and i + 2 are interleaved to rows 2i and 2i + 1.
struct Floats;

impl Square for Floats {
    type Element = u32;
    const SIDE: usize = N;
    // Together they use up lines of the cache on both sides.
    const ROWS: usize = 16;

    #[inline(always)]
    unsafe fn transpose(block: &Block<u32>) {
        // SAFETY: the block is four rows of four on both sides.
        unsafe {
            let mut a = [0, 1, 2, 3].map(|i| vld1q_u32(block.x.offset(i * block.x_pitch)));
            for _ in 0..2 {
                a = [vzip1q_u32(a[0], a[2]), vzip2q_u32(a[0], a[2]), vzip1q_u32(a[1], a[3]), vzip2q_u32(a[1], a[3])];
            }
            for (i, a) in a.into_iter().enumerate() {
                vst1q_u32(block.y.offset(i as isize * block.y_pitch), a);
            }
        }
    }
}

/// Sixteen rows of sixteen: four times, rows i and i + 8 are interleaved to rows 2i and 2i + 1.
struct Bytes;

impl Square for Bytes {
    type Element = u8;
    const SIDE: usize = 16;
    const ROWS: usize = 16;

    #[inline(always)]
    unsafe fn transpose(block: &Block<u8>) {
        // SAFETY: the block is sixteen rows of sixteen on both sides.
        unsafe {
            let mut a = [vdupq_n_u8(0); 16];
            for (i, a) in a.iter_mut().enumerate() {
                *a = vld1q_u8(block.x.offset(i as isize * block.x_pitch));
            }
            for _ in 0..4 {
                let mut b = a;
                for i in 0..8 {
                    b[2 * i] = vzip1q_u8(a[i], a[i + 8]);
                    b[2 * i + 1] = vzip2q_u8(a[i], a[i + 8]);
                }
                a = b;
            }
            for (i, a) in a.into_iter().enumerate() {
                vst1q_u8(block.y.offset(i as isize * block.y_pitch), a);
            }
        }
    }
}

/// Three rows of `x` become triples of `y`.
#[target_feature(enable = "neon")]
unsafe fn interleave_3(block: &Block<u32>) {
    let whole = block.rows / N * N;
    // SAFETY: four elements of each row from `i` on, and the twelve that they become, lie in the block.
    unsafe {
        let row = |c: isize, i: usize| vld1q_u32(block.x.offset(c * block.x_pitch).add(i));
        for i in (0..whole).step_by(N) {
            vst3q_u32(block.y.add(3 * i), uint32x4x3_t(row(0, i), row(1, i), row(2, i)));
        }
        generic::transpose(&block.part(whole, 0, block.rows - whole, 3));
    }
}

/// Triples of `x` become three rows of `y`.
#[target_feature(enable = "neon")]
unsafe fn deinterleave_3(block: &Block<u32>) {
    let whole = block.cols / N * N;
    // SAFETY: twelve elements from `3·i` on, and the four of each row that they become, lie in the block.
    unsafe {
        let row = |r: isize, i: usize| block.y.offset(r * block.y_pitch).add(i);
        for i in (0..whole).step_by(N) {
            let uint32x4x3_t(a, b, c) = vld3q_u32(block.x.add(3 * i));
            vst1q_u32(row(0, i), a);
            vst1q_u32(row(1, i), b);
            vst1q_u32(row(2, i), c);
        }
        generic::transpose(&block.part(0, whole, 3, block.cols - whole));
    }
}

/// Four elements at a time.
pub static KERNEL: CopyKernel = CopyKernel { name: "copy__neon", isa: Isa::Neon, rows, transpose, transpose_bytes };
