//! aarch64 with the 8-bit matrix instructions: products of unsigned bytes with signed weights, of two rows by two columns
//! each, and for one row of quads.

use core::arch::aarch64::*;
use core::arch::asm;

use super::a64::{self, Dot, LANES};
use super::tile::{Tile, TileFn, Tiles, tail_quad};
use super::{GemmKernel, PANEL, QUAD};
use crate::Isa;

struct Mixed;

impl Dot for Mixed {
    const FLIP: u8 = 0;

    #[inline(always)]
    unsafe fn dot<const LANE: usize>(sum: int32x4_t, w: int8x16_t, x: uint8x16_t) -> int32x4_t {
        let mut sum = sum;
        // SAFETY: the instruction reads and writes registers alone; the processor has it, as the caller promises.
        unsafe {
            asm!("sudot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]", inout(vreg) sum, in(vreg) w, in(vreg) x, const LANE,
                options(pure, nomem, nostack, preserves_flags));
        }
        sum
    }
}

#[target_feature(enable = "neon,dotprod,i8mm")]
unsafe fn run_one<const H: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    // SAFETY: as the caller promises.
    unsafe { a64::run::<Mixed, 1, H>(t, w, column) }
}

/// Adds products of two rows of eight bytes with two columns of eight weights: of the first row with both, then of the
/// second.
///
/// # Safety
/// The processor has the instruction.
#[inline(always)]
unsafe fn multiply(mut sums: int32x4_t, x: uint8x16_t, w: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes registers alone; the processor has it, as the caller promises.
    unsafe {
        asm!("usmmla {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums, in(vreg) x, in(vreg) w,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}

/// Elements of a row, and of a column, that are multiplied at once.
const DEPTH: usize = 2 * QUAD;

/// Pairs of rows of a tile at most.
const PAIRS: usize = 2;

/// Sums of `P` pairs of rows and `H` vectors of columns, each of which is two pairs.
type Sums<const P: usize, const H: usize> = [[[int32x4_t; 2]; H]; P];

/// `M` rows, which are `P` pairs, by `H` vectors of columns: see [`TileFn`]. A last row is its own neighbour.
#[target_feature(enable = "neon,dotprod,i8mm")]
unsafe fn run<const M: usize, const P: usize, const H: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    const { assert!(P == M.div_ceil(2) && P <= PAIRS) };
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums: Sums<P, H> = [[[vdupq_n_s32(0); 2]; H]; P];
        let mut w = w;
        for s in 0..t.count {
            let segment = t.segments.add(s);
            let rows = (*segment).rows.cast::<[*const u8; M]>().read();
            let (mut k, len) = ((*segment).offset, (*segment).len);
            let end = k + len;
            let mut x = [vdupq_n_u8(0); P];
            while k + DEPTH <= end {
                unrolled!(p < P, of 4 => {
                    let [first, second] = [rows[2 * p], rows[(2 * p + 1).min(M - 1)]];
                    x[p] = vcombine_u8(vld1_u8(first.add(k)), vld1_u8(second.add(k)));
                });
                add::<P, H, true>(&mut sums, &x, w);
                w = w.wrapping_add(DEPTH * PANEL);
                k += DEPTH;
            }
            if k < end {
                let rest = end - k;
                unrolled!(p < P, of 4 => {
                    let [first, second] = [rows[2 * p], rows[(2 * p + 1).min(M - 1)]];
                    x[p] = vcombine_u8(vcreate_u8(some(first.add(k), rest)), vcreate_u8(some(second.add(k), rest)));
                });
                if rest > QUAD {
                    add::<P, H, true>(&mut sums, &x, w);
                    w = w.wrapping_add(DEPTH * PANEL);
                } else {
                    add::<P, H, false>(&mut sums, &x, w);
                    w = w.wrapping_add(QUAD * PANEL);
                }
            }
        }
        let mut all = a64::begin::<M, H>(t, column);
        unrolled!(i < M => {
            unrolled!(j < H, of 4 => {
                let [a, b] = sums[i / 2][j].map(|sums| vreinterpretq_s64_s32(sums));
                let sums = if i % 2 == 0 { vzip1q_s64(a, b) } else { vzip2q_s64(a, b) };
                all[i][j] = vaddq_s32(all[i][j], vreinterpretq_s32_s64(sums));
            });
        });
        a64::end::<M, H>(t, column, &all);
    }
}

/// The last elements of a stretch, 1 to 7, and zeros.
///
/// # Safety
/// They are valid for reading.
#[inline(always)]
unsafe fn some(x: *const u8, len: usize) -> u64 {
    // SAFETY: as the caller promises.
    unsafe {
        if len < QUAD {
            return u64::from(tail_quad(x, len) as u32);
        }
        let second = if len > QUAD { tail_quad(x.add(QUAD), len - QUAD) as u32 } else { 0 };
        u64::from(second) << 32 | u64::from(x.cast::<u32>().read_unaligned())
    }
}

/// Adds a quad of each row times that of the weights, and the next one if there is a `SECOND`.
#[inline(always)]
unsafe fn add<const P: usize, const H: usize, const SECOND: bool>(
    sums: &mut Sums<P, H>,
    x: &[uint8x16_t; P],
    w: *const i8,
) {
    // SAFETY: the panel has the quads, as the caller promises.
    unsafe {
        unrolled!(j < H, of 4 => {
            let w = w.wrapping_add(j * LANES * QUAD);
            let first = vreinterpretq_s32_s8(vld1q_s8(w));
            let zero = vdupq_n_s32(0);
            let second = if SECOND { vreinterpretq_s32_s8(vld1q_s8(w.wrapping_add(QUAD * PANEL))) } else { zero };
            let columns = [vzip1q_s32(first, second), vzip2q_s32(first, second)];
            unrolled!(p < P, of 4 => {
                sums[p][j][0] = multiply(sums[p][j][0], x[p], vreinterpretq_s8_s32(columns[0]));
                sums[p][j][1] = multiply(sums[p][j][1], x[p], vreinterpretq_s8_s32(columns[1]));
            });
        });
    }
}

macro_rules! by_rows {
    ($vectors:literal: $($m:literal)*) => {
        Tiles {
            panels: 1,
            by_rows: &[run_one::<$vectors> as TileFn, $(run::<$m, { usize::div_ceil($m, 2) }, $vectors>),*],
        }
    };
}

/// 4×16, or 4×8 where a panel is half full: of more rows, compilers keep sums in memory.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_4x16__neoni8mm",
    isa: Isa::NeonI8mm,
    tiles: &[by_rows!(4: 2 3 4)],
    tall: 0,
    half: &[by_rows!(2: 2 3 4)],
    widen: None,
    shift: None,
};
