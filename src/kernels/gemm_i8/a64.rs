//! What kernels of aarch64 share: what sums begin with, sums to bytes, and tiles of instructions that multiply quads.

use core::arch::aarch64::*;
use core::mem::MaybeUninit;

use super::tile::{How, MAX_SUMS, Store, Tile, tail_quad};
use super::{PANEL, QUAD};
use crate::requantize::{Inner, Requantize};

/// Columns of a vector of sums.
pub(super) const LANES: usize = 4;

/// Bytes of a vector.
const BYTES: usize = 16;

/// An instruction that adds the products of each quad of weights with quad `LANE` of `x`.
pub(super) trait Dot {
    /// What is flipped in bytes: 0x80 makes them signed, less 128.
    const FLIP: u8;

    /// # Safety
    /// The processor has it.
    unsafe fn dot<const LANE: usize>(sum: int32x4_t, w: int8x16_t, x: uint8x16_t) -> int32x4_t;
}

/// `M` rows by `H` vectors of columns, which are one panel or its first half: see [`super::tile::TileFn`].
#[inline(always)]
pub(super) unsafe fn run<D: Dot, const M: usize, const H: usize>(t: &Tile<'_>, w: *const i8, column: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = begin::<M, H>(t, column, [0, PANEL]);
        let flip = vdupq_n_u8(D::FLIP);
        let mut w = w;
        for s in 0..t.count {
            let segment = t.segments.add(s);
            let rows = (*segment).rows.cast::<[*const u8; M]>().read();
            let (mut k, len) = ((*segment).offset, (*segment).len);
            let end = k + len;
            let mut x = [flip; M];
            while k + BYTES <= end {
                unrolled!(i < M => {
                    x[i] = flipped::<D>(vld1q_u8(rows[i].add(k)), flip);
                });
                add::<D, M, H, 0>(&mut sums, &x, w);
                add::<D, M, H, 1>(&mut sums, &x, w);
                add::<D, M, H, 2>(&mut sums, &x, w);
                add::<D, M, H, 3>(&mut sums, &x, w);
                w = w.wrapping_add(BYTES * PANEL);
                k += BYTES;
            }
            while k < end {
                let rest = end - k;
                unrolled!(i < M => {
                    let at = rows[i].add(k);
                    let quad = if rest >= QUAD { at.cast::<u32>().read_unaligned() } else { tail_quad(at, rest) as u32 };
                    x[i] = flipped::<D>(vreinterpretq_u8_u32(vsetq_lane_u32::<0>(quad, vdupq_n_u32(0))), flip);
                });
                add::<D, M, H, 0>(&mut sums, &x, w);
                w = w.wrapping_add(QUAD * PANEL);
                k += QUAD;
            }
        }
        end::<M, H>(t, column, [0, PANEL], &sums);
    }
}

/// Bytes as the instruction wants them.
#[inline(always)]
unsafe fn flipped<D: Dot>(x: uint8x16_t, flip: uint8x16_t) -> uint8x16_t {
    // SAFETY: every such processor has the instruction.
    unsafe { if D::FLIP == 0 { x } else { veorq_u8(x, flip) } }
}

/// Adds quad `LANE` of each row times that of the weights.
#[inline(always)]
unsafe fn add<D: Dot, const M: usize, const H: usize, const LANE: usize>(
    sums: &mut [[int32x4_t; H]; M],
    x: &[uint8x16_t; M],
    w: *const i8,
) {
    // SAFETY: the panel has the quad, as the caller promises.
    unsafe {
        unrolled!(j < H, of 4 => {
            let w = vld1q_s8(w.wrapping_add(LANE * QUAD * PANEL + j * BYTES));
            unrolled!(i < M => {
                sums[i][j] = D::dot::<LANE>(sums[i][j], w, x[i]);
            });
        });
    }
}

/// What sums begin with: those of what was worked off before, the first of which are another panel's, from one row to the
/// next of which there are so many; or bias and offset.
///
/// # Safety
/// As [`super::tile::TileFn`].
#[inline(always)]
pub(super) unsafe fn begin<const M: usize, const H: usize>(
    t: &Tile<'_>,
    column: usize,
    [others, pitch]: [usize; 2],
) -> [[int32x4_t; H]; M] {
    // SAFETY: `before` holds the tile's sums, there is a bias for its panel and an offset for its rows, where not null.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); H]; M];
        let is_first = t.before.is_null();
        let (from, pitch) =
            if is_first { (t.store.bias.wrapping_add(column), 0) } else { (t.before.wrapping_add(others), pitch) };
        unrolled!(i < M => {
            unrolled!(j < H, of 4 => {
                sums[i][j] = vld1q_s32(from.wrapping_add(i * pitch + j * LANES));
            });
        });
        if is_first && !t.offsets.is_null() {
            unrolled!(i < M => {
                let offset = vdupq_n_s32(t.offsets.add(i).read());
                unrolled!(j < H, of 4 => {
                    sums[i][j] = vaddq_s32(sums[i][j], offset);
                });
            });
        }
        sums
    }
}

/// Leaves sums for more stretches to come, behind those of other panels, so many from one row to the next; or stores them.
///
/// # Safety
/// As [`super::tile::TileFn`].
#[inline(always)]
pub(super) unsafe fn end<const M: usize, const H: usize>(
    t: &Tile<'_>,
    column: usize,
    [others, pitch]: [usize; 2],
    sums: &[[int32x4_t; H]; M],
) {
    const { assert!(M * PANEL <= MAX_SUMS) };
    // SAFETY: as the caller promises; the room holds the tile's sums.
    unsafe {
        if t.after.is_null() {
            return finish::<M, H>(&t.store, column, sums);
        }
        spill(sums, t.after.add(others), pitch);
    }
}

/// Stores finished sums of the first rows of up to four.
///
/// # Safety
/// As [`super::tile::TileFn`].
#[inline(always)]
pub(crate) unsafe fn give(s: &Store<'_>, column: usize, sums: &[[int32x4_t; PANEL / LANES]; 4], rows: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        if rows == 4 {
            return finish::<4, { PANEL / LANES }>(s, column, sums);
        }
        // A copy, so that the others stay in registers.
        let (mut s, sums) = (*s, *sums);
        for sums in &sums[..rows] {
            finish::<1, { PANEL / LANES }>(&s, column, &[*sums]);
            s.advance(1);
        }
    }
}

/// Stores finished sums.
///
/// # Safety
/// As [`super::tile::TileFn`].
#[inline(always)]
unsafe fn finish<const M: usize, const H: usize>(s: &Store<'_>, column: usize, sums: &[[int32x4_t; H]; M]) {
    // SAFETY: as the caller promises; the room holds the sums.
    unsafe {
        if s.residual.is_null() {
            return match s.how.is_whole {
                true => store::<M, H, true>(s, column, sums),
                false => store::<M, H, false>(s, column, sums),
            };
        }
        let mut room = MaybeUninit::<[[i32; PANEL]; M]>::uninit();
        spill(sums, room.as_mut_ptr().cast(), PANEL);
        let room = room.as_ptr().cast();
        match s.how.residual.inner {
            None => store_added::<false>(s, column, room, M),
            Some(_) => store_added::<true>(s, column, room, M),
        }
    }
}

/// Writes the sums of one row after another, so many apart.
#[inline(always)]
unsafe fn spill<const M: usize, const H: usize>(sums: &[[int32x4_t; H]; M], to: *mut i32, pitch: usize) {
    unrolled!(i < M => {
        unrolled!(j < H, of 4 => {
            // SAFETY: the caller's memory holds a panel for each row.
            unsafe { vst1q_s32(to.add(i * pitch + j * LANES), sums[i][j]) };
        });
    });
}

/// What turns rounded numbers into bytes; where they are `WHOLE`, the zero point is 0 and all bytes are within bounds.
#[derive(Clone, Copy)]
struct Bytes<const WHOLE: bool> {
    zero: int16x8_t,
    low: uint8x16_t,
    high: uint8x16_t,
}

impl<const WHOLE: bool> Bytes<WHOLE> {
    #[inline(always)]
    unsafe fn new(r: &Requantize) -> Self {
        // SAFETY: every such processor has the instructions.
        unsafe { Self { zero: vdupq_n_s16(r.zero.into()), low: vdupq_n_u8(r.low), high: vdupq_n_u8(r.high) } }
    }

    /// The bytes of a row of `H` vectors, and zeros.
    #[inline(always)]
    unsafe fn of<const H: usize>(self, v: [float32x4_t; H]) -> uint8x16_t {
        // SAFETY: every such processor has the instructions.
        unsafe {
            let zero = vdupq_n_s16(0);
            let words = |a, b| {
                let words = vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(a)), vcvtnq_s32_f32(b));
                if WHOLE { words } else { vqaddq_s16(words, self.zero) }
            };
            let first = vqmovun_s16(words(v[0], v[1]));
            let bytes =
                if H == 4 { vqmovun_high_s16(first, words(v[H - 2], v[H - 1])) } else { vqmovun_high_s16(first, zero) };
            if WHOLE { bytes } else { vminq_u8(vmaxq_u8(bytes, self.low), self.high) }
        }
    }
}

/// Stores a tile without residual.
#[inline(always)]
unsafe fn store<const M: usize, const H: usize, const WHOLE: bool>(
    s: &Store<'_>,
    column: usize,
    sums: &[[int32x4_t; H]; M],
) {
    // SAFETY: multipliers are there for the panel, rows for the columns below `cols`.
    unsafe {
        let bytes = Bytes::<WHOLE>::new(&s.how.requantize);
        let mut m = [vdupq_n_f32(0.0); H];
        unrolled!(j < H, of 4 => {
            m[j] = vld1q_f32(s.multiplier.add(column + j * LANES));
        });
        let mut rows = [bytes.low; M];
        unrolled!(i < M => {
            let mut v = m;
            unrolled!(j < H, of 4 => {
                v[j] = vmulq_f32(vcvtq_f32_s32(sums[i][j]), m[j]);
            });
            rows[i] = bytes.of(v);
        });
        let (y, y_pitch, cols) = (s.y.add(column), s.how.y_pitch, s.cols - column);
        if cols >= H * LANES {
            unrolled!(i < M => {
                let y = y.add(i * y_pitch);
                match H {
                    4 => vst1q_u8(y, rows[i]),
                    _ => vst1_u8(y, vget_low_u8(rows[i])),
                }
            });
            return;
        }
        // A copy, so that the others stay in registers.
        let rows = rows;
        write_rows((&raw const rows).cast(), y, y_pitch, M, cols);
    }
}

/// Writes the first `cols` bytes of rows of a panel, which lie one after another.
///
/// # Safety
/// They are there, and there is room for them.
#[inline(never)]
unsafe fn write_rows(rows: *const uint8x16_t, y: *mut u8, pitch: usize, count: usize, cols: usize) {
    for i in 0..count {
        // SAFETY: as the caller promises.
        unsafe { write(y.add(i * pitch), *rows.add(i), cols) };
    }
}

/// Writes the first `count` bytes, at most those of a panel.
///
/// # Safety
/// There is room for them.
#[inline(always)]
unsafe fn write(to: *mut u8, y: uint8x16_t, count: usize) {
    // SAFETY: there is room for so many bytes.
    unsafe {
        match count {
            PANEL.. => vst1q_u8(to, y),
            8 => vst1_u8(to, vget_low_u8(y)),
            _ => {
                let mut bytes = [0u8; PANEL];
                vst1q_u8(bytes.as_mut_ptr(), y);
                core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count);
            }
        }
    }
}

/// The first `count` bytes, at most those of a panel, and zeros.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn load(from: *const u8, count: usize) -> uint8x16_t {
    // SAFETY: so many bytes are there.
    unsafe {
        match count {
            PANEL.. => vld1q_u8(from),
            8 => vcombine_u8(vld1_u8(from), vdup_n_u8(0)),
            _ => {
                let mut bytes = [0u8; PANEL];
                core::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), count);
                vld1q_u8(bytes.as_ptr())
            }
        }
    }
}

/// Stores rows of sums, to which residuals are added when they are `ROUNDED` or before.
///
/// # Safety
/// As [`super::tile::TileFn`].
#[inline(never)]
unsafe fn store_added<const ROUNDED: bool>(s: &Store<'_>, column: usize, sums: *const [i32; PANEL], rows: usize) {
    let how = s.how;
    // SAFETY: multipliers are there for the panel, rows for the columns below `cols`.
    unsafe {
        let (bytes, added) = (Bytes::<false>::new(&how.requantize), Added::new(how));
        let cols = (s.cols - column).min(PANEL);
        let m = vld1q_f32_x4(s.multiplier.add(column));
        for i in 0..rows {
            let sums = vld1q_s32_x4(sums.add(i).cast());
            let r = load(s.residual.add(i * how.residual_pitch + column), cols);
            let (low, high) = (vmovl_u8(vget_low_u8(r)), vmovl_high_u8(r));
            let v = [
                added.to::<ROUNDED>(vmulq_f32(vcvtq_f32_s32(sums.0), m.0), vmovl_u16(vget_low_u16(low))),
                added.to::<ROUNDED>(vmulq_f32(vcvtq_f32_s32(sums.1), m.1), vmovl_high_u16(low)),
                added.to::<ROUNDED>(vmulq_f32(vcvtq_f32_s32(sums.2), m.2), vmovl_u16(vget_low_u16(high))),
                added.to::<ROUNDED>(vmulq_f32(vcvtq_f32_s32(sums.3), m.3), vmovl_high_u16(high)),
            ];
            write(s.y.add(i * how.y_pitch + column), bytes.of(v), cols);
        }
    }
}

/// What adds residuals.
struct Added {
    /// Bounds of sums that are rounded first, less their zero point, and their scale.
    low: int32x4_t,
    high: int32x4_t,
    inner: float32x4_t,
    zero: int32x4_t,
    scale: float32x4_t,
}

impl Added {
    #[inline(always)]
    unsafe fn new(how: &How) -> Self {
        let none = Inner { scale: 0.0, requantize: Requantize { zero: 0, low: 0, high: 0 } };
        let Inner { scale, requantize: Requantize { zero, low, high } } = how.residual.inner.unwrap_or(none);
        // SAFETY: every such processor has the instructions.
        unsafe {
            Self {
                low: vdupq_n_s32(i32::from(low) - i32::from(zero)),
                high: vdupq_n_s32(i32::from(high) - i32::from(zero)),
                inner: vdupq_n_f32(scale),
                zero: vdupq_n_s32(how.residual.zero.into()),
                scale: vdupq_n_f32(how.residual.scale),
            }
        }
    }

    /// What is to be rounded: scaled sums and residuals.
    #[inline(always)]
    unsafe fn to<const ROUNDED: bool>(&self, mut v: float32x4_t, r: uint32x4_t) -> float32x4_t {
        // SAFETY: every such processor has the instructions.
        unsafe {
            if ROUNDED {
                let q = vminq_s32(vmaxq_s32(vcvtnq_s32_f32(v), self.low), self.high);
                v = vmulq_f32(vcvtq_f32_s32(q), self.inner);
            }
            let r = vsubq_s32(vreinterpretq_s32_u32(r), self.zero);
            vaddq_f32(v, vmulq_f32(vcvtq_f32_s32(r), self.scale))
        }
    }
}

/// What sums of a panel begin with where bytes are taken less 128: see [`super::ShiftFn`]. Where they are `ALTERNATING`,
/// those of every other quad of a run are subtracted from 127.
///
/// # Safety
/// As the type says.
pub(super) unsafe fn shift<const ALTERNATING: bool>(
    w: *const i8,
    quads: usize,
    run: usize,
    bias: *const i32,
    to: *mut i32,
) {
    const VECTORS: usize = PANEL / LANES;
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); 2]; VECTORS];
        let (mut w, mut left) = (w, quads);
        while left > 0 {
            let of_run = run.clamp(1, left);
            for quad in 0..of_run {
                for (j, sums) in sums.iter_mut().enumerate() {
                    let pairs = vpaddlq_s8(vld1q_s8(w.wrapping_add(j * BYTES)));
                    let sum = &mut sums[if ALTERNATING { quad % 2 } else { 0 }];
                    *sum = vpadalq_s16(*sum, pairs);
                }
                w = w.wrapping_add(QUAD * PANEL);
            }
            left -= of_run;
        }
        for (j, [even, odd]) in sums.into_iter().enumerate() {
            let bias = vld1q_s32(bias.wrapping_add(j * LANES));
            let sum = vsubq_s32(vshlq_n_s32::<7>(vaddq_s32(even, odd)), odd);
            vst1q_s32(to.add(j * LANES), vaddq_s32(bias, sum));
        }
    }
}
