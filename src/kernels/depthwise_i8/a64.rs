//! 16 bytes of aarch64, which instruction sets multiply in different ways.

use core::arch::aarch64::*;
use core::marker::PhantomData;

use super::lanes::{Lanes, Task, load_some, store_some};

/// How bytes are multiplied.
///
/// # Safety
/// As for [`Lanes`], whose methods these are.
pub(super) unsafe trait Products: Copy {
    /// See [`Lanes::SWEEPS`].
    const SWEEPS: bool;
    /// See [`Lanes::SHIFTS`].
    const SHIFTS: bool;
    /// See [`Lanes::WIDENS`].
    const WIDENS: bool = false;
    /// See [`Lanes::Quads`]; weights lie alike.
    type Quads: Copy;

    unsafe fn within<T: Task>(task: T);
    /// See [`Lanes::interleave`].
    unsafe fn interleave(rows: [uint8x16_t; 4]) -> [Self::Quads; 4];
    /// See [`Lanes::weights`].
    unsafe fn weights(words: uint8x16_t) -> Self::Quads;
    /// See [`Lanes::weights_less`].
    #[inline(always)]
    unsafe fn weights_less(words: uint8x16_t, _zeros: uint8x16_t) -> Self::Quads {
        // SAFETY: as the caller promises.
        unsafe { Self::weights(words) }
    }
    /// See [`Lanes::dot`].
    unsafe fn dot(sums: int32x4_t, quads: Self::Quads, weights: Self::Quads) -> int32x4_t;
    /// See [`Lanes::shifted`].
    unsafe fn shifted(sums: int32x4_t, weights: Self::Quads) -> int32x4_t;
}

/// Words of a byte of each row, all channels of a quarter side by side.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn words([a, b, c, d]: [uint8x16_t; 4]) -> [uint8x16_t; 4] {
    // SAFETY: every such processor has the instructions.
    unsafe {
        let pairs = |x, y| [vreinterpretq_u16_u8(vzip1q_u8(x, y)), vreinterpretq_u16_u8(vzip2q_u8(x, y))];
        let ([ab, more_ab], [cd, more_cd]) = (pairs(a, b), pairs(c, d));
        [vzip1q_u16(ab, cd), vzip2q_u16(ab, cd), vzip1q_u16(more_ab, more_cd), vzip2q_u16(more_ab, more_cd)]
            .map(|words| vreinterpretq_u8_u16(words))
    }
}

/// 16 bytes, multiplied as `P` does it.
#[derive(Clone, Copy)]
pub(super) struct Vector<P>(uint8x16_t, PhantomData<P>);

/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn vector<P>(bytes: uint8x16_t) -> Vector<P> {
    Vector(bytes, PhantomData)
}

// SAFETY: few instructions each; the caller has the instruction set and valid pointers.
unsafe impl<P: Products> Lanes for Vector<P> {
    const LANES: usize = 1;
    const SWEEPS: bool = P::SWEEPS;
    const SHIFTS: bool = P::SHIFTS;
    const WIDENS: bool = P::WIDENS;
    type Quads = P::Quads;
    type Weights = P::Quads;
    type Ints = int32x4_t;
    type Floats = float32x4_t;

    #[inline(always)]
    unsafe fn within<T: Task>(task: T) {
        // SAFETY: as the caller promises.
        unsafe { P::within(task) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { vector(vdupq_n_u8(byte)) }
    }
    #[inline(always)]
    unsafe fn gather<const G: usize, const FULL: bool>(at: [*const u8; G], count: usize) -> Self {
        // SAFETY: as the caller promises; there is one stretch alone.
        unsafe {
            if FULL || count >= 16 {
                return vector(vld1q_u8(at[0]));
            }
            let bytes = load_some(at[0], count);
            vector(vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(bytes as u64), vcreate_u64((bytes >> 64) as u64))))
        }
    }
    #[inline(always)]
    unsafe fn scatter<const G: usize, const FULL: bool>(self, at: [*mut u8; G], count: usize) {
        // SAFETY: as the caller promises; there is one stretch alone.
        unsafe {
            if FULL || count >= 16 {
                return vst1q_u8(at[0], self.0);
            }
            let halves = vreinterpretq_u64_u8(self.0);
            let (low, high) = (vgetq_lane_u64::<0>(halves), vgetq_lane_u64::<1>(halves));
            store_some(u128::from(high) << 64 | u128::from(low), at[0], count);
        }
    }

    #[inline(always)]
    unsafe fn interleave(rows: [Self; 4]) -> [P::Quads; 4] {
        // SAFETY: as the caller promises.
        unsafe { P::interleave(rows.map(|row| row.0)) }
    }
    #[inline(always)]
    unsafe fn spread<const G: usize>(words: *const [u8; 4], _: usize) -> [Self; 4] {
        // SAFETY: as the caller promises.
        unsafe { [0, 4, 8, 12].map(|i| vector(vld1q_u8(words.add(i).cast()))) }
    }
    #[inline(always)]
    unsafe fn weights(self) -> P::Quads {
        // SAFETY: as the caller promises.
        unsafe { P::weights(self.0) }
    }
    #[inline(always)]
    unsafe fn weights_less(self, zeros: Self) -> P::Quads {
        // SAFETY: as the caller promises.
        unsafe { P::weights_less(self.0, zeros.0) }
    }
    #[inline(always)]
    unsafe fn dot(sums: int32x4_t, quads: P::Quads, weights: P::Quads) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { P::dot(sums, quads, weights) }
    }
    #[inline(always)]
    unsafe fn shifted(sums: int32x4_t, weights: P::Quads) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { P::shifted(sums, weights) }
    }

    #[inline(always)]
    unsafe fn up<const BYTES: usize>(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let words = vshlq_u32(vreinterpretq_u32_u8(self.0), vdupq_n_s32(8 * BYTES as i32));
            vector(vreinterpretq_u8_u32(words))
        }
    }
    #[inline(always)]
    unsafe fn down<const BYTES: usize>(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let words = vshlq_u32(vreinterpretq_u32_u8(self.0), vdupq_n_s32(-8 * BYTES as i32));
            vector(vreinterpretq_u8_u32(words))
        }
    }
    #[inline(always)]
    unsafe fn or(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { vector(vorrq_u8(self.0, o.0)) }
    }

    #[inline(always)]
    unsafe fn ints(self) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vreinterpretq_s32_u8(self.0) }
    }
    #[inline(always)]
    unsafe fn floats(self) -> float32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vreinterpretq_f32_u8(self.0) }
    }
    #[inline(always)]
    unsafe fn widen(self) -> [int32x4_t; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (low, high) = (vmovl_u8(vget_low_u8(self.0)), vmovl_high_u8(self.0));
            let (first, third) = (vmovl_u16(vget_low_u16(low)), vmovl_u16(vget_low_u16(high)));
            [first, vmovl_high_u16(low), third, vmovl_high_u16(high)].map(|ints| vreinterpretq_s32_u32(ints))
        }
    }
    #[inline(always)]
    unsafe fn splat_int(v: i32) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vdupq_n_s32(v) }
    }
    #[inline(always)]
    unsafe fn add_int(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vaddq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub_int(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vsubq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_int(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vmulq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn clamp_int(a: int32x4_t, low: int32x4_t, high: int32x4_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vminq_s32(vmaxq_s32(a, low), high) }
    }
    #[inline(always)]
    unsafe fn to_float(a: int32x4_t) -> float32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vcvtq_f32_s32(a) }
    }
    #[inline(always)]
    unsafe fn splat_float(v: f32) -> float32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vdupq_n_f32(v) }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn bounded(a: float32x4_t) -> float32x4_t {
        // SAFETY: as the caller promises. The greater number is the one that is no NaN; conversions saturate.
        unsafe { vmaxnmq_f32(a, vdupq_n_f32(-1024.0)) }
    }
    #[inline(always)]
    unsafe fn round(a: float32x4_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vcvtnq_s32_f32(a) }
    }

    #[inline(always)]
    unsafe fn pack(a: int32x4_t, b: int32x4_t) -> Self {
        // SAFETY: as the caller promises.
        unsafe { vector(vreinterpretq_u8_s16(vqmovn_high_s32(vqmovn_s32(a), b))) }
    }
    #[inline(always)]
    unsafe fn add_words(self, word: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let sum = vqaddq_s16(vreinterpretq_s16_u8(self.0), vreinterpretq_s16_u8(word.0));
            vector(vreinterpretq_u8_s16(sum))
        }
    }
    #[inline(always)]
    unsafe fn splat_word(word: i16) -> Self {
        // SAFETY: as the caller promises.
        unsafe { vector(vreinterpretq_u8_s16(vdupq_n_s16(word))) }
    }
    #[inline(always)]
    unsafe fn pack_words(a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { vector(vqmovun_high_s16(vqmovun_s16(vreinterpretq_s16_u8(a.0)), vreinterpretq_s16_u8(b.0))) }
    }
    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { vector(vminq_u8(vmaxq_u8(self.0, low.0), high.0)) }
    }
}
