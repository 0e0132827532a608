//! Sixteen bytes of aarch64's Advanced SIMD. Wide forms are in the order of memory.

use core::arch::aarch64::*;

use super::Bytes;
use crate::lanes::neon::F32x4;

/// 16 u8.
#[derive(Clone, Copy)]
pub(crate) struct U8x16(pub(crate) uint8x16_t);

/// The first `n < 8` bytes from memory.
#[inline(always)]
unsafe fn first(p: *const u8, n: usize) -> u64 {
    // SAFETY: bytes below `n` are read.
    unsafe {
        let (mut bytes, mut at) = (0, 0);
        if n & 4 != 0 {
            (bytes, at) = (p.cast::<u32>().read_unaligned().into(), 4);
        }
        if n & 2 != 0 {
            bytes |= u64::from(p.add(at).cast::<u16>().read_unaligned()) << (8 * at);
            at += 2;
        }
        if n & 1 != 0 {
            bytes |= u64::from(p.add(at).read()) << (8 * at);
        }
        bytes
    }
}

/// The first `n < 8` bytes to memory.
#[inline(always)]
unsafe fn write_first(mut bytes: u64, mut p: *mut u8, n: usize) {
    // SAFETY: bytes below `n` are written.
    unsafe {
        if n & 4 != 0 {
            p.cast::<u32>().write_unaligned(bytes as u32);
            (bytes, p) = (bytes >> 32, p.add(4));
        }
        if n & 2 != 0 {
            p.cast::<u16>().write_unaligned(bytes as u16);
            (bytes, p) = (bytes >> 16, p.add(2));
        }
        if n & 1 != 0 {
            p.write(bytes as u8);
        }
    }
}

/// The nearest integers, ties to even; the least for NaN.
#[inline(always)]
unsafe fn rounded(v: F32x4) -> int32x4_t {
    // SAFETY: as the caller promises. Any number below a byte's range stands for the least one.
    unsafe {
        let least = vdupq_n_f32(-65536.0);
        vcvtnq_s32_f32(vbslq_f32(vcgtq_f32(v.0, least), v.0, least))
    }
}

// SAFETY: few instructions each, exact; the caller has the instruction set and valid pointers.
unsafe impl Bytes for U8x16 {
    const N: usize = 16;
    type Float = F32x4;
    type Sums = [uint16x8_t; 2];

    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vld1q_u8(p)) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const u8, n: usize) -> Self {
        debug_assert!(n < 16);
        // SAFETY: bytes below `n` are read.
        unsafe {
            let [low, high] =
                if n < 8 { [first(p, n), 0] } else { [p.cast::<u64>().read_unaligned(), first(p.add(8), n - 8)] };
            Self(vcombine_u8(vcreate_u8(low), vcreate_u8(high)))
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { vst1q_u8(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut u8, n: usize) {
        debug_assert!(n < 16);
        // SAFETY: bytes below `n` are written.
        unsafe {
            let words = vreinterpretq_u64_u8(self.0);
            if n < 8 {
                write_first(vgetq_lane_u64::<0>(words), p, n);
            } else {
                vst1_u8(p, vget_low_u8(self.0));
                write_first(vgetq_lane_u64::<1>(words), p.add(8), n - 8);
            }
        }
    }
    #[inline(always)]
    unsafe fn splat(v: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vdupq_n_u8(v)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vminq_u8(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(vmaxq_u8(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn spread(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn collect(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn widen(self, zero: F32x4) -> [F32x4; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let ones = vdupq_n_u16((super::ONES >> 16) as u16);
            let (low, high) = (vmovl_u8(vget_low_u8(self.0)), vmovl_high_u8(self.0));
            [vzip1q_u16(low, ones), vzip2q_u16(low, ones), vzip1q_u16(high, ones), vzip2q_u16(high, ones)]
                .map(|x| F32x4(vsubq_f32(vreinterpretq_f32_u16(x), zero.0)))
        }
    }
    #[inline(always)]
    unsafe fn narrow(v: [F32x4; 4], zero: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let zero = vdupq_n_s16(zero.into());
            let low = vqmovn_high_s32(vqmovn_s32(rounded(v[0])), rounded(v[1]));
            let high = vqmovn_high_s32(vqmovn_s32(rounded(v[2])), rounded(v[3]));
            Self(vqmovun_high_s16(vqmovun_s16(vqaddq_s16(low, zero)), vqaddq_s16(high, zero)))
        }
    }
    #[inline(always)]
    unsafe fn without_nan(v: [F32x4; 4]) -> [F32x4; 4] {
        // SAFETY: as the caller promises.
        unsafe { v.map(|v| F32x4(vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v.0), vceqq_f32(v.0, v.0))))) }
    }
    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        // SAFETY: as the caller promises.
        unsafe { [vdupq_n_u16(0); 2] }
    }
    #[inline(always)]
    unsafe fn count(sums: Self::Sums, x: Self) -> Self::Sums {
        // SAFETY: as the caller promises.
        unsafe { [vaddw_u8(sums[0], vget_low_u8(x.0)), vaddw_high_u8(sums[1], x.0)] }
    }
    #[inline(always)]
    unsafe fn total(sums: Self::Sums) -> [int32x4_t; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let [low, high] = sums;
            [vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)]
                .map(|x| vreinterpretq_s32_u32(x))
        }
    }
}
