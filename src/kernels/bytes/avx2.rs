//! 32 bytes of AVX2.

use core::arch::x86_64::*;

use super::Bytes;
use crate::lanes::avx2::{F32x8, first};
use crate::saturate;

/// 32 u8.
#[derive(Clone, Copy)]
pub(crate) struct U8x32(pub(crate) __m256i);

/// Sums of all bytes, odd ones 256 times, and of the odd bytes alone: modulo 2¹⁶, which loses nothing.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    all: __m256i,
    odd: __m256i,
}

/// Bytes as bits past those of 2²³, less `zero`, which is as much more.
#[inline(always)]
unsafe fn float(words: __m256i, zero: F32x8) -> F32x8 {
    // SAFETY: as the caller promises.
    unsafe { F32x8(_mm256_sub_ps(_mm256_castsi256_ps(words), zero.0)) }
}

/// The nearest integers. What does not fit 32 bits, and NaN, converts to the least integer: only the greatest need a
/// bound.
#[inline(always)]
unsafe fn rounded(v: F32x8) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe { _mm256_cvtps_epi32(_mm256_min_ps(_mm256_set1_ps(1024.0), v.0)) }
}

/// 0 for each NaN.
#[inline(always)]
unsafe fn number(v: F32x8) -> F32x8 {
    // SAFETY: as the caller promises.
    unsafe { F32x8(_mm256_and_ps(_mm256_cmp_ps::<_CMP_ORD_Q>(v.0, v.0), v.0)) }
}

// SAFETY: a few instructions each; the caller has the instruction set and valid pointers.
unsafe impl Bytes for U8x32 {
    const N: usize = 32;
    type Float = F32x8;
    type Sums = Sums;

    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_loadu_si256(p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const u8, n: usize) -> Self {
        // SAFETY: as the caller promises: `n` is less than the buffer's length.
        unsafe {
            if n.is_multiple_of(4) {
                return Self(_mm256_maskload_epi32(p.cast(), first(n / 4)));
            }
            let mut all = [0u8; 32];
            core::ptr::copy_nonoverlapping(p, all.as_mut_ptr(), n);
            Self::load(all.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_storeu_si256(p.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut u8, n: usize) {
        // SAFETY: as the caller promises: `n` is less than the buffer's length.
        unsafe {
            if n.is_multiple_of(4) {
                return _mm256_maskstore_epi32(p.cast(), first(n / 4), self.0);
            }
            let mut all = [0u8; 32];
            self.store(all.as_mut_ptr());
            core::ptr::copy_nonoverlapping(all.as_ptr(), p, n);
        }
    }
    #[inline(always)]
    unsafe fn splat(v: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_set1_epi8(v as i8)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_min_epu8(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_max_epu8(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn spread(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_permutevar8x32_epi32(self.0, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7))) }
    }
    #[inline(always)]
    unsafe fn collect(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_permutevar8x32_epi32(self.0, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))) }
    }
    #[inline(always)]
    unsafe fn widen(self, zero: F32x8) -> [F32x8; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (none, ones) = (_mm256_setzero_si256(), _mm256_set1_epi16((super::ONES >> 16) as i16));
            let (low, high) = (_mm256_unpacklo_epi8(self.0, none), _mm256_unpackhi_epi8(self.0, none));
            [
                float(_mm256_unpacklo_epi16(low, ones), zero),
                float(_mm256_unpackhi_epi16(low, ones), zero),
                float(_mm256_unpacklo_epi16(high, ones), zero),
                float(_mm256_unpackhi_epi16(high, ones), zero),
            ]
        }
    }
    #[inline(always)]
    unsafe fn narrow(v: [F32x8; 4], zero: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let [a, b, c, d] = [rounded(v[0]), rounded(v[1]), rounded(v[2]), rounded(v[3])];
            let zero = _mm256_set1_epi16(zero.into());
            let low = _mm256_adds_epi16(saturate::words_256(a, b), zero);
            let high = _mm256_adds_epi16(saturate::words_256(c, d), zero);
            Self(saturate::bytes_256(low, high))
        }
    }
    #[inline(always)]
    unsafe fn without_nan(v: [F32x8; 4]) -> [F32x8; 4] {
        // SAFETY: as the caller promises.
        unsafe { [number(v[0]), number(v[1]), number(v[2]), number(v[3])] }
    }
    #[inline(always)]
    unsafe fn no_sums() -> Sums {
        // SAFETY: as the caller promises.
        unsafe { Sums { all: _mm256_setzero_si256(), odd: _mm256_setzero_si256() } }
    }
    #[inline(always)]
    unsafe fn count(sums: Sums, x: Self) -> Sums {
        // SAFETY: as the caller promises.
        unsafe {
            let odd = _mm256_srli_epi16::<8>(x.0);
            Sums { all: _mm256_add_epi16(sums.all, x.0), odd: _mm256_add_epi16(sums.odd, odd) }
        }
    }
    #[inline(always)]
    unsafe fn total(sums: Sums) -> [__m256i; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (none, odd) = (_mm256_setzero_si256(), sums.odd);
            let even = _mm256_sub_epi16(sums.all, _mm256_slli_epi16::<8>(odd));
            let (low, high) = (_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd));
            [
                _mm256_unpacklo_epi16(low, none),
                _mm256_unpackhi_epi16(low, none),
                _mm256_unpacklo_epi16(high, none),
                _mm256_unpackhi_epi16(high, none),
            ]
        }
    }
}
