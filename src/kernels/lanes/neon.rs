//! Four lanes of aarch64's Advanced SIMD.

use core::arch::aarch64::*;

use super::{Fused, Lanes};

/// 4 f32.
#[derive(Clone, Copy)]
pub(crate) struct F32x4(pub(crate) float32x4_t);

/// Declares methods that are one expression.
macro_rules! methods {
    ($(fn $name:ident($self:ident $(, $arg:ident: $type:ty)*) $(-> $out:ty)? = $value:expr;)*) => {$(
        #[inline(always)]
        unsafe fn $name($self $(, $arg: $type)*) $(-> $out)? {
            // SAFETY: as the caller promises.
            unsafe { $value }
        }
    )*};
}

/// Declares functions that are one expression.
macro_rules! functions {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty = $value:expr;)*) => {$(
        #[inline(always)]
        unsafe fn $name($($arg: $type),*) -> $out {
            // SAFETY: as the caller promises.
            unsafe { $value }
        }
    )*};
}

/// 8 f32.
pub(crate) type F32x8 = super::pair::Pair<F32x4>;

// SAFETY: few instructions each; the caller has the instruction set and valid pointers.
unsafe impl Lanes for F32x4 {
    const N: usize = 4;
    type Mask = uint32x4_t;
    type Int = int32x4_t;

    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        debug_assert!(n < 4);
        // SAFETY: elements below `n` are read.
        unsafe {
            let mut v = vdupq_n_f32(0.0);
            if n & 2 != 0 {
                v = vcombine_f32(vld1_f32(p), vdup_n_f32(0.0));
                if n & 1 != 0 {
                    v = vld1q_lane_f32::<2>(p.add(2), v);
                }
            } else if n & 1 != 0 {
                v = vld1q_lane_f32::<0>(p, v);
            }
            Self(v)
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        debug_assert!(n < 4);
        // SAFETY: elements below `n` are written.
        unsafe {
            if n & 2 != 0 {
                vst1_f32(p, vget_low_f32(self.0));
                if n & 1 != 0 {
                    vst1q_lane_f32::<2>(p.add(2), self.0);
                }
            } else if n & 1 != 0 {
                vst1q_lane_f32::<0>(p, self.0);
            }
        }
    }
    functions! {
        fn load(p: *const f32) -> Self = Self(vld1q_f32(p));
        fn splat(v: f32) -> Self = Self(vdupq_n_f32(v));
        fn select(mask: uint32x4_t, a: Self, b: Self) -> Self = Self(vbslq_f32(mask, a.0, b.0));
        fn from_int(i: int32x4_t) -> Self = Self(vcvtq_f32_s32(i));
        fn from_bits(i: int32x4_t) -> Self = Self(vreinterpretq_f32_s32(i));
        fn int_splat(v: i32) -> int32x4_t = vdupq_n_s32(v);
        fn int_add(a: int32x4_t, b: int32x4_t) -> int32x4_t = vaddq_s32(a, b);
        fn int_sub(a: int32x4_t, b: int32x4_t) -> int32x4_t = vsubq_s32(a, b);
        fn int_and(a: int32x4_t, b: int32x4_t) -> int32x4_t = vandq_s32(a, b);
    }
    methods! {
        fn store(self, p: *mut f32) = vst1q_f32(p, self.0);
        fn add(self, o: Self) -> Self = Self(vaddq_f32(self.0, o.0));
        fn sub(self, o: Self) -> Self = Self(vsubq_f32(self.0, o.0));
        fn mul(self, o: Self) -> Self = Self(vmulq_f32(self.0, o.0));
        fn div(self, o: Self) -> Self = Self(vdivq_f32(self.0, o.0));
        // The instructions for extremes tell zeros by sign, and give NaN where one is.
        fn min(self, o: Self) -> Self = Self::select(self.lt(o), self, o);
        fn max(self, o: Self) -> Self = Self::select(o.lt(self), self, o);
        fn sqrt(self) -> Self = Self(vsqrtq_f32(self.0));
        fn abs(self) -> Self = Self(vabsq_f32(self.0));
        fn neg(self) -> Self = Self(vnegq_f32(self.0));
        fn copysign(self, o: Self) -> Self = Self(vbslq_f32(vdupq_n_u32(1 << 31), o.0, self.0));
        fn round(self) -> Self = Self(vrndnq_f32(self.0));
        fn floor(self) -> Self = Self(vrndmq_f32(self.0));
        fn ceil(self) -> Self = Self(vrndpq_f32(self.0));
        fn lt(self, o: Self) -> uint32x4_t = vcltq_f32(self.0, o.0);
        fn le(self, o: Self) -> uint32x4_t = vcleq_f32(self.0, o.0);
        fn eq(self, o: Self) -> uint32x4_t = vceqq_f32(self.0, o.0);
        fn to_int(self) -> int32x4_t = vcvtnq_s32_f32(self.0);
        fn to_bits(self) -> int32x4_t = vreinterpretq_s32_f32(self.0);
    }
    #[inline(always)]
    unsafe fn bits_of(mask: uint32x4_t) -> u32 {
        static BITS: [u32; 4] = [1, 2, 4, 8];
        // SAFETY: the table has four words; otherwise as the caller promises.
        unsafe { vaddvq_u32(vandq_u32(mask, vld1q_u32(BITS.as_ptr()))) }
    }
    #[inline(always)]
    unsafe fn int_shl<const BY: u32>(a: int32x4_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vshlq_s32(a, vdupq_n_s32(BY as i32)) }
    }
    #[inline(always)]
    unsafe fn int_sar<const BY: u32>(a: int32x4_t) -> int32x4_t {
        // SAFETY: as the caller promises.
        unsafe { vshlq_s32(a, vdupq_n_s32(-(BY as i32))) }
    }
}

// SAFETY: one instruction each; the caller has the instruction set.
unsafe impl Fused for F32x4 {
    const BY_LANE: bool = true;

    #[inline(always)]
    fn opaque(mut i: usize) -> usize {
        // SAFETY: no instruction.
        unsafe { core::arch::asm!("/* {0} */", inout(reg) i, options(pure, nomem, nostack, preserves_flags)) };
        i
    }

    methods! {
        fn clamp(self, low: Self, high: Self) -> Self = Self(vminq_f32(vmaxq_f32(self.0, low.0), high.0));
        fn fused(self, a: Self, b: Self) -> Self = Self(vfmaq_f32(b.0, self.0, a.0));
        fn fused_lane(self, a: Self, lane: usize, b: Self) -> Self = Self(match lane {
            0 => vfmaq_laneq_f32::<0>(b.0, self.0, a.0),
            1 => vfmaq_laneq_f32::<1>(b.0, self.0, a.0),
            2 => vfmaq_laneq_f32::<2>(b.0, self.0, a.0),
            _ => vfmaq_laneq_f32::<3>(b.0, self.0, a.0),
        });
    }
}
