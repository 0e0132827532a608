//! aarch64 Advanced SIMD.

use core::arch::aarch64::*;

use super::transform::{self, Finish, Integers, Lines, Sums, Words, integers};
use super::{MultiplyFn, Product, WinogradKernel};
use crate::Isa;
use crate::gemm_i8::{PANEL, give};
use crate::winograd::{POINTS, Patch, TILE};

/// 8 words.
#[derive(Clone, Copy)]
struct I16x8(int16x8_t);

/// 4 sums.
#[derive(Clone, Copy)]
struct I32x4(int32x4_t);

/// Vectors of sums of a panel.
const VECTORS: usize = PANEL / I32x4::N;

integers!(I16x8, 8: vaddq_s16 vsubq_s16 vshlq_s16 vdupq_n_s16);
integers!(I32x4, 4: vaddq_s32 vsubq_s32 vshlq_s32 vdupq_n_s32);

// SAFETY: pointers are valid, as the caller promises.
unsafe impl Words for I16x8 {
    #[inline(always)]
    unsafe fn splat(v: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vdupq_n_s16(i16::from(v))) }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut i16) {
        // SAFETY: as the caller promises.
        unsafe { vst1q_s16(p, self.0) }
    }
}

// SAFETY: pointers are valid, as the caller promises.
unsafe impl Sums for I32x4 {
    #[inline(always)]
    unsafe fn load(p: *const i32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vld1q_s32(p)) }
    }
    #[inline(always)]
    unsafe fn mul(self, by: i32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vmulq_s32(self.0, vdupq_n_s32(by))) }
    }
    #[inline(always)]
    unsafe fn sar(self, by: u32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vshlq_s32(self.0, vdupq_n_s32(-(by as i32)))) }
    }
}

unsafe fn input(patch: &Patch<u8, i16>) {
    for c in (0..patch.channels).step_by(I16x8::N) {
        // SAFETY: as the caller promises.
        unsafe { transform::input::<I16x8>(patch, c) }
    }
}

/// `M` patches.
unsafe fn multiply<const M: usize>(p: &Product) {
    let Product { mut x, mut w, channels, sums } = *p;
    for point in 0..POINTS {
        // SAFETY: each patch has the point's channels, with weights, and its sums, as the caller promises.
        unsafe {
            let mut m = [[vdupq_n_s32(0); VECTORS]; M];
            for _ in 0..channels / I16x8::N {
                let mut row = [vdupq_n_s16(0); M];
                unrolled!(i < M => { row[i] = vld1q_s16(x.add(i * POINTS * channels)); });
                add::<M, 0, 1>(&mut m, &row, w);
                add::<M, 2, 3>(&mut m, &row, w.add(2 * PANEL));
                add::<M, 4, 5>(&mut m, &row, w.add(4 * PANEL));
                add::<M, 6, 7>(&mut m, &row, w.add(6 * PANEL));
                (x, w) = (x.add(I16x8::N), w.add(I16x8::N * PANEL));
            }
            unrolled!(i < M => {
                let to = sums.add((i * POINTS + point) * PANEL);
                unrolled!(j < VECTORS, of 4 => { vst1q_s32(to.add(j * I32x4::N), m[i][j]); });
            });
        }
    }
}

/// Adds the products of elements `A` and `B` of each row with the weights of such a pair.
///
/// # Safety
/// They are valid for reading.
#[inline(always)]
unsafe fn add<const M: usize, const A: i32, const B: i32>(
    sums: &mut [[int32x4_t; VECTORS]; M],
    x: &[int16x8_t; M],
    w: *const i16,
) {
    // SAFETY: as the caller promises.
    unsafe {
        unrolled!(half < 2, of 2 => {
            let int16x8x2_t(first, second) = vld2q_s16(w.add(half * PANEL));
            unrolled!(i < M => {
                let (low, high) = (sums[i][2 * half], sums[i][2 * half + 1]);
                let low = vmlal_laneq_s16::<A>(low, vget_low_s16(first), x[i]);
                let high = vmlal_high_laneq_s16::<A>(high, first, x[i]);
                sums[i][2 * half] = vmlal_laneq_s16::<B>(low, vget_low_s16(second), x[i]);
                sums[i][2 * half + 1] = vmlal_high_laneq_s16::<B>(high, second, x[i]);
            });
        });
    }
}

unsafe fn output(t: &Finish<'_>) {
    // SAFETY: as the caller promises.
    unsafe {
        let bias = t.store.bias.add(t.column);
        let bias = [0, 1, 2, 3].map(|j| I32x4::load(bias.add(j * I32x4::N)));
        let lines = [0, 1, 2, 3].map(|j| Lines::<I32x4>::new(t.sums, j * I32x4::N));
        for i in 0..t.size[0] {
            let mut pixels = [[vdupq_n_s32(0); VECTORS]; TILE];
            unrolled!(j < VECTORS, of 4 => {
                let line = lines[j].line(i, bias[j]);
                unrolled!(pixel < TILE, of 4 => { pixels[pixel][j] = line[pixel].0; });
            });
            give(&t.line(i), t.column, &pixels, t.size[1]);
        }
    }
}

/// Four patches at a time.
pub static KERNEL: WinogradKernel = WinogradKernel {
    name: "winograd_i8_4__neon",
    isa: Isa::Neon,
    input,
    multiply: &[multiply::<1> as MultiplyFn, multiply::<2>, multiply::<3>, multiply::<4>],
    output,
};
