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
const PAIRS: usize = 3;

/// Sums of `P` pairs of rows and `H` vectors of columns, each of which is two pairs.
type Sums<const P: usize, const H: usize> = [[[int32x4_t; 2]; H]; P];

/// Multiplies two vectors of columns of a pair of quads, which lie at two offsets: for each pair of rows its bytes, and its
/// four registers of sums.
macro_rules! columns {
    ($first:literal $second:literal: $($x:literal $s0:literal $s1:literal $s2:literal $s3:literal),*) => {
        concat!(
            "ldp q27, q28, [{w}, ", $first, "]\nldp q29, q30, [{w}, ", $second, "]\n",
            "zip1 v31.4s, v27.4s, v29.4s\nzip2 v27.4s, v27.4s, v29.4s\n",
            "zip1 v29.4s, v28.4s, v30.4s\nzip2 v28.4s, v28.4s, v30.4s\n",
            $("usmmla ", $s0, ".4s, ", $x, ".16b, v31.16b\nusmmla ", $s1, ".4s, ", $x, ".16b, v27.16b\n",)*
            $("usmmla ", $s2, ".4s, ", $x, ".16b, v29.16b\nusmmla ", $s3, ".4s, ", $x, ".16b, v28.16b\n",)*
        )
    };
}

/// A loop over eights of a row: the instructions for its columns, the registers of sums, each with what it holds, and for
/// each pair of rows the register of its bytes, as a vector and as a half, and two addresses.
macro_rules! turns {
    ($sums:ident $rows:ident $k:ident $w:ident $count:ident, [$($columns:expr),*],
        [$($s:tt $at:expr),*]: $($x:tt $half:literal $first:tt $second:tt $p:literal),*) => {
        asm!(
            "2:",
            $(concat!("ldr ", $half, ", [", $first, "], 8\nld1 {{", $x, ".d}}[1], [", $second, "], 8"),)*
            $($columns,)*
            "add {w}, {w}, 128",
            "subs {count}, {count}, 1",
            "b.ne 2b",
            $(inout($first) $rows[2 * $p].add($k) => _,
            inout($second) $rows[(2 * $p + 1).min($rows.len() - 1)].add($k) => _,
            out($x) _,)*
            w = inout(reg) $w, count = inout(reg) $count => _,
            $(inout($s) $at,)*
            out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(pure, readonly, nostack),
        )
    };
}

/// Adds the products of `count` eights of each row, from `k` on, with the weights that begin at `w`; gives where the next
/// ones begin. There is one at least.
///
/// It is written in assembly because compilers want more registers than there are.
///
/// # Safety
/// They are valid for reading, and the processor has the instructions.
#[target_feature(enable = "neon,dotprod,i8mm")]
#[inline]
unsafe fn eights<const M: usize, const P: usize, const H: usize>(
    sums: &mut Sums<P, H>,
    rows: &[*const u8; M],
    (k, count): (usize, usize),
    mut w: *const i8,
) -> *const i8 {
    let s = sums.as_flattened_mut().as_flattened_mut();
    // SAFETY: as the caller promises; nothing is written.
    unsafe {
        match (P, H) {
            (1, 2) => turns!(s rows k w count, [columns!("0" "64": "v24" "v0" "v1" "v2" "v3")],
                ["v0" s[0], "v1" s[1], "v2" s[2], "v3" s[3]]: "v24" "d24" "x9" "x10" 0),
            (2, 2) => turns!(s rows k w count,
                [columns!("0" "64": "v24" "v0" "v1" "v2" "v3", "v25" "v4" "v5" "v6" "v7")],
                ["v0" s[0], "v1" s[1], "v2" s[2], "v3" s[3], "v4" s[4], "v5" s[5], "v6" s[6], "v7" s[7]]:
                "v24" "d24" "x9" "x10" 0, "v25" "d25" "x11" "x12" 1),
            (3, 2) => turns!(s rows k w count,
                [columns!("0" "64": "v24" "v0" "v1" "v2" "v3", "v25" "v4" "v5" "v6" "v7", "v26" "v8" "v9" "v10" "v11")],
                ["v0" s[0], "v1" s[1], "v2" s[2], "v3" s[3], "v4" s[4], "v5" s[5], "v6" s[6], "v7" s[7],
                "v8" s[8], "v9" s[9], "v10" s[10], "v11" s[11]]:
                "v24" "d24" "x9" "x10" 0, "v25" "d25" "x11" "x12" 1, "v26" "d26" "x13" "x14" 2),
            (1, 4) => turns!(s rows k w count,
                [columns!("0" "64": "v24" "v0" "v1" "v2" "v3"), columns!("32" "96": "v24" "v4" "v5" "v6" "v7")],
                ["v0" s[0], "v1" s[1], "v2" s[2], "v3" s[3], "v4" s[4], "v5" s[5], "v6" s[6], "v7" s[7]]:
                "v24" "d24" "x9" "x10" 0),
            (2, 4) => turns!(s rows k w count,
                [columns!("0" "64": "v24" "v0" "v1" "v2" "v3", "v25" "v8" "v9" "v10" "v11"),
                columns!("32" "96": "v24" "v4" "v5" "v6" "v7", "v25" "v12" "v13" "v14" "v15")],
                ["v0" s[0], "v1" s[1], "v2" s[2], "v3" s[3], "v4" s[4], "v5" s[5], "v6" s[6], "v7" s[7],
                "v8" s[8], "v9" s[9], "v10" s[10], "v11" s[11], "v12" s[12], "v13" s[13], "v14" s[14], "v15" s[15]]:
                "v24" "d24" "x9" "x10" 0, "v25" "d25" "x11" "x12" 1),
            (3, 4) => turns!(s rows k w count,
                [columns!("0" "64": "v24" "v0" "v1" "v2" "v3", "v25" "v8" "v9" "v10" "v11", "v26" "v16" "v17" "v18" "v19"),
                columns!("32" "96": "v24" "v4" "v5" "v6" "v7", "v25" "v12" "v13" "v14" "v15",
                "v26" "v20" "v21" "v22" "v23")],
                ["v0" s[0], "v1" s[1], "v2" s[2], "v3" s[3], "v4" s[4], "v5" s[5], "v6" s[6], "v7" s[7],
                "v8" s[8], "v9" s[9], "v10" s[10], "v11" s[11], "v12" s[12], "v13" s[13], "v14" s[14], "v15" s[15],
                "v16" s[16], "v17" s[17], "v18" s[18], "v19" s[19], "v20" s[20], "v21" s[21], "v22" s[22], "v23" s[23]]:
                "v24" "d24" "x9" "x10" 0, "v25" "d25" "x11" "x12" 1, "v26" "d26" "x13" "x14" 2),
            _ => const { assert!(P <= PAIRS && (H == 2 || H == 4)) },
        }
    }
    w
}

/// `M` rows, which are `P` pairs, by `H` vectors of columns: see [`TileFn`]. A last row is its own neighbour.
#[target_feature(enable = "neon,dotprod,i8mm")]
unsafe fn run<const M: usize, const P: usize, const H: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    const { assert!(P == M.div_ceil(2)) };
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums: Sums<P, H> = [[[vdupq_n_s32(0); 2]; H]; P];
        let mut w = w;
        for s in 0..t.count {
            let segment = t.segments.add(s);
            let rows = (*segment).rows.cast::<[*const u8; M]>().read();
            let (k, len) = ((*segment).offset, (*segment).len);
            let (count, rest) = (len / DEPTH, len % DEPTH);
            if count > 0 {
                w = eights::<M, P, H>(&mut sums, &rows, (k, count), w);
            }
            if rest > 0 {
                let k = k + count * DEPTH;
                let mut x = [vdupq_n_u8(0); P];
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
        let mut all = a64::begin::<M, H>(t, column, [0, PANEL]);
        unrolled!(i < M => {
            unrolled!(j < H, of 4 => {
                let [a, b] = sums[i / 2][j].map(|sums| vreinterpretq_s64_s32(sums));
                let sums = if i % 2 == 0 { vzip1q_s64(a, b) } else { vzip2q_s64(a, b) };
                all[i][j] = vaddq_s32(all[i][j], vreinterpretq_s32_s64(sums));
            });
        });
        a64::end::<M, H>(t, column, [0, PANEL], &all);
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

/// 6×16, or 6×8 where a panel is half full.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_6x16__neoni8mm",
    isa: Isa::NeonI8mm,
    tiles: &[by_rows!(4: 2 3 4 5 6)],
    tall: 0,
    half: &[by_rows!(2: 2 3 4 5 6)],
    widen: None,
    shift: None,
};
