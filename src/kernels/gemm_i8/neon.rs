//! aarch64 Advanced SIMD. Two products of signed bytes fit 16 bits, but for −128·−128 twice: so the second one is of a byte
//! subtracted from 127, and is subtracted itself. What bytes are less, or are subtracted from, is in what sums begin with.

use core::arch::aarch64::*;
use core::arch::asm;

use super::a64::{self, LANES};
use super::tile::{Tile, TileFn, Tiles, tail_quad};
use super::{GemmKernel, PANEL, QUAD};
use crate::Isa;

/// Bytes of a vector.
const BYTES: usize = 16;

/// Vectors of columns.
const VECTORS: usize = PANEL / LANES;

/// What is flipped in the bytes of a pair of quads: x − 128 of the first, 127 − x of the second.
const FLIP: [u32; 2] = [0x8080_8080, 0x7f7f_7f7f];

/// Sums of neighbours of two columns a vector.
type Sums<const M: usize> = [[int32x4_t; 2 * VECTORS]; M];

/// A quad of each row, flipped, four times.
type Quads<const M: usize> = [int8x16_t; M];

/// Multiplies and adds a vector of columns of a pair of quads: its weights, then for each row the flipped quads, two
/// registers of products and two of sums.
macro_rules! column {
    ($w0:literal $w1:literal: $($x0:literal $x1:literal $low:literal $high:literal $s0:literal $s1:literal),*) => {
        concat!(
            $("smull ", $low, ".8h, ", $w0, ".8b, ", $x0, ".8b\nsmull2 ", $high, ".8h, ", $w0, ".16b, ", $x0, ".16b\n",)*
            $("smlsl ", $low, ".8h, ", $w1, ".8b, ", $x1, ".8b\nsmlsl2 ", $high, ".8h, ", $w1, ".16b, ", $x1, ".16b\n",)*
            $("sadalp ", $s0, ".4s, ", $low, ".8h\nsadalp ", $s1, ".4s, ", $high, ".8h\n",)*
        )
    };
}

/// The same of all four, which lie from an offset on: for each row its quads, the pair of them that is taken, the registers
/// that these are spread to, of products, and of sums.
macro_rules! pair {
    ($at:literal $half:literal $next:literal $half_next:literal:
        $($x:literal $q0:literal $q1:literal $x0:literal $x1:literal $low:literal $high:literal
            [$s0:literal $s1:literal $s2:literal $s3:literal $s4:literal $s5:literal $s6:literal $s7:literal]),*) => {
        concat!(
            "ldp q22, q24, [{w}, ", $at, "]\nldp q23, q25, [{w}, ", $next, "]\n",
            $("dup ", $x0, ".4s, ", $x, ".s[", $q0, "]\ndup ", $x1, ".4s, ", $x, ".s[", $q1, "]\n",)*
            column!("v22" "v23": $($x0 $x1 $low $high $s0 $s1),*),
            column!("v24" "v25": $($x0 $x1 $low $high $s2 $s3),*),
            "ldp q22, q24, [{w}, ", $half, "]\nldp q23, q25, [{w}, ", $half_next, "]\n",
            column!("v22" "v23": $($x0 $x1 $low $high $s4 $s5),*),
            column!("v24" "v25": $($x0 $x1 $low $high $s6 $s7),*),
        )
    };
}

/// Adds the products of sixteen elements of each of `M` rows as often as they are there between `k` and `end`; returns
/// where the others begin, and their weights.
///
/// It is written in assembly because compilers want more registers than there are.
#[inline(always)]
unsafe fn whole<const M: usize>(
    sums: &mut Sums<M>,
    rows: &[*const u8; M],
    [mut k, end]: [usize; 2],
    mut w: *const i8,
) -> (usize, *const i8) {
    if k + BYTES > end {
        return (k, w);
    }
    let last = end - BYTES;
    // SAFETY: elements and weights are there, as the caller promises; nothing is written.
    unsafe {
        let flip = vreinterpretq_u8_u32(vld1q_u32([FLIP[0], FLIP[1], FLIP[0], FLIP[1]].as_ptr()));
        if M == 1 {
            let sums = &mut sums[0];
            asm!(
                "2:",
                "ldr q16, [{x}, {k}]",
                "eor v16.16b, v16.16b, {flip:v}.16b",
                pair!("0" "32" "64" "96": "v16" "0" "1" "v18" "v19" "v28" "v29"
                    ["v0" "v1" "v2" "v3" "v4" "v5" "v6" "v7"]),
                pair!("128" "160" "192" "224": "v16" "2" "3" "v18" "v19" "v28" "v29"
                    ["v0" "v1" "v2" "v3" "v4" "v5" "v6" "v7"]),
                "add {k}, {k}, 16",
                "add {w}, {w}, 256",
                "cmp {k}, {last}",
                "b.ls 2b",
                x = in(reg) rows[0], k = inout(reg) k, w = inout(reg) w, last = in(reg) last, flip = in(vreg) flip,
                inout("v0") sums[0], inout("v1") sums[1], inout("v2") sums[2], inout("v3") sums[3],
                inout("v4") sums[4], inout("v5") sums[5], inout("v6") sums[6], inout("v7") sums[7],
                out("v16") _, out("v18") _, out("v19") _, out("v22") _, out("v23") _, out("v24") _, out("v25") _,
                out("v28") _, out("v29") _,
                options(pure, readonly, nostack),
            );
        } else {
            let [a, b] = <&mut [[int32x4_t; 2 * VECTORS]; 2]>::try_from(&mut sums[..]).unwrap_unchecked();
            asm!(
                "2:",
                "ldr q16, [{x}, {k}]",
                "ldr q17, [{y}, {k}]",
                "eor v16.16b, v16.16b, {flip:v}.16b",
                "eor v17.16b, v17.16b, {flip:v}.16b",
                pair!("0" "32" "64" "96":
                    "v16" "0" "1" "v18" "v19" "v28" "v29" ["v0" "v1" "v2" "v3" "v4" "v5" "v6" "v7"],
                    "v17" "0" "1" "v20" "v21" "v30" "v31" ["v8" "v9" "v10" "v11" "v12" "v13" "v14" "v15"]),
                pair!("128" "160" "192" "224":
                    "v16" "2" "3" "v18" "v19" "v28" "v29" ["v0" "v1" "v2" "v3" "v4" "v5" "v6" "v7"],
                    "v17" "2" "3" "v20" "v21" "v30" "v31" ["v8" "v9" "v10" "v11" "v12" "v13" "v14" "v15"]),
                "add {k}, {k}, 16",
                "add {w}, {w}, 256",
                "cmp {k}, {last}",
                "b.ls 2b",
                x = in(reg) rows[0], y = in(reg) rows[M - 1], k = inout(reg) k, w = inout(reg) w, last = in(reg) last,
                flip = in(vreg) flip,
                inout("v0") a[0], inout("v1") a[1], inout("v2") a[2], inout("v3") a[3],
                inout("v4") a[4], inout("v5") a[5], inout("v6") a[6], inout("v7") a[7],
                inout("v8") b[0], inout("v9") b[1], inout("v10") b[2], inout("v11") b[3],
                inout("v12") b[4], inout("v13") b[5], inout("v14") b[6], inout("v15") b[7],
                out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _,
                out("v23") _, out("v24") _, out("v25") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
                options(pure, readonly, nostack),
            );
        }
    }
    (k, w)
}

/// `M` rows, 1 or 2, by so many panels: see [`TileFn`].
unsafe fn run<const M: usize>(t: &Tile<'_>, w: *const i8, column: usize, panels: usize) {
    for panel in 0..panels {
        let (w, column) = (w.wrapping_add(panel * t.panel), column + panel * PANEL);
        // SAFETY: as the caller promises of each panel.
        unsafe { run_panel::<M>(t, w, column, [panel * PANEL, panels * PANEL]) };
    }
}

/// The same of one panel, before whose sums in a row there are so many of others, and from one row to the next so many.
#[inline(always)]
unsafe fn run_panel<const M: usize>(t: &Tile<'_>, w: *const i8, column: usize, place: [usize; 2]) {
    // SAFETY: as the caller promises.
    unsafe {
        // Each sum begins as the first of its two neighbours.
        let mut all = a64::begin::<M, VECTORS>(t, column, place);
        let mut sums = [[vdupq_n_s32(0); 2 * VECTORS]; M];
        unrolled!(i < M => {
            unrolled!(j < VECTORS, of 4 => {
                sums[i][2 * j] = vzip1q_s32(all[i][j], vdupq_n_s32(0));
                sums[i][2 * j + 1] = vzip2q_s32(all[i][j], vdupq_n_s32(0));
            });
        });
        let mut w = w;
        for s in 0..t.count {
            let segment = t.segments.add(s);
            let rows = (*segment).rows.cast::<[*const u8; M]>().read();
            let (mut k, len) = ((*segment).offset, (*segment).len);
            let end = k + len;
            (k, w) = whole(&mut sums, &rows, [k, end], w);
            while k + QUAD < end {
                let pair = [quads(&rows, k, QUAD, FLIP[0]), quads(&rows, k + QUAD, end - k - QUAD, FLIP[1])];
                add::<M, true>(&mut sums, [&pair[0], &pair[1]], w);
                w = w.wrapping_add(2 * QUAD * PANEL);
                k += 2 * QUAD;
            }
            if k < end {
                let last = quads(&rows, k, end - k, FLIP[0]);
                add::<M, false>(&mut sums, [&last, &last], w);
                w = w.wrapping_add(QUAD * PANEL);
            }
        }
        unrolled!(i < M => {
            unrolled!(j < VECTORS, of 4 => {
                all[i][j] = add_neighbours(sums[i][2 * j], sums[i][2 * j + 1]);
            });
        });
        a64::end::<M, VECTORS>(t, column, place, &all);
    }
}

/// Adds neighbours. In assembly, because compilers take three instructions for it.
#[inline(always)]
unsafe fn add_neighbours(a: int32x4_t, b: int32x4_t) -> int32x4_t {
    let sum;
    // SAFETY: every such processor has the instruction.
    unsafe {
        asm!(
            "addp {sum:v}.4s, {a:v}.4s, {b:v}.4s",
            sum = lateout(vreg) sum, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// The quad at `k` of each row, of which `len` elements are left.
#[inline(always)]
unsafe fn quads<const M: usize>(rows: &[*const u8; M], k: usize, len: usize, flip: u32) -> Quads<M> {
    // SAFETY: elements are there, as the caller promises.
    unsafe {
        let mut quads = [vdupq_n_s8(0); M];
        unrolled!(i < M => {
            let at = rows[i].add(k);
            let quad = if len >= QUAD { at.cast::<u32>().read_unaligned() } else { tail_quad(at, len) as u32 };
            quads[i] = vreinterpretq_s8_u32(vdupq_n_u32(quad ^ flip));
        });
        quads
    }
}

/// Adds a quad of each row times that of the weights, and subtracts the next one in a `PAIR`.
#[inline(always)]
unsafe fn add<const M: usize, const PAIR: bool>(sums: &mut Sums<M>, x: [&Quads<M>; 2], w: *const i8) {
    // SAFETY: the panel has the quads, as the caller promises.
    unsafe {
        unrolled!(j < VECTORS, of 4 => {
            let w = w.wrapping_add(j * BYTES);
            let first = vld1q_s8(w);
            let second = if PAIR { vld1q_s8(w.wrapping_add(QUAD * PANEL)) } else { first };
            unrolled!(i < M => {
                let mut low = vmull_s8(vget_low_s8(first), vget_low_s8(x[0][i]));
                let mut high = vmull_high_s8(first, x[0][i]);
                if PAIR {
                    low = vmlsl_s8(low, vget_low_s8(second), vget_low_s8(x[1][i]));
                    high = vmlsl_high_s8(high, second, x[1][i]);
                }
                sums[i][2 * j] = vpadalq_s16(sums[i][2 * j], low);
                sums[i][2 * j + 1] = vpadalq_s16(sums[i][2 * j + 1], high);
            });
        });
    }
}

/// For one row and two. Several panels at a time, since to call and return takes a seventh of what short sums do.
const BY_ROWS: &[TileFn] = &[run::<1>, run::<2>];

/// 2×16.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_2x16__neon",
    isa: Isa::Neon,
    tiles: &[
        Tiles { panels: 4, by_rows: BY_ROWS },
        Tiles { panels: 2, by_rows: BY_ROWS },
        Tiles { panels: 1, by_rows: BY_ROWS },
    ],
    tall: 0,
    half: &[],
    widen: None,
    shift: Some(a64::shift::<true>),
};
