//! 64 bytes of AVX-512.

use core::arch::x86_64::*;

use super::Bytes;
use crate::lanes::avx512::F32x16;
use crate::saturate;

/// 64 u8.
#[derive(Clone, Copy)]
pub(crate) struct U8x64(pub(crate) __m512i);

/// Sums of all bytes, odd ones 256 times, and of the odd bytes alone: modulo 2¹⁶, which loses nothing.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    all: __m512i,
    odd: __m512i,
}

/// The mask of the first `n` bytes.
#[inline(always)]
fn first(n: usize) -> __mmask64 {
    (1u64 << n) - 1
}

/// Word w of lane l, of 16 bytes each, becomes word l of lane w.
#[inline(always)]
unsafe fn transposed(v: __m512i) -> __m512i {
    // SAFETY: as the caller promises.
    unsafe {
        let from = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_permutexvar_epi32(from, v)
    }
}

/// Bytes as bits past those of 2²³, less `zero`, which is as much more.
#[inline(always)]
unsafe fn float(words: __m512i, zero: F32x16) -> F32x16 {
    // SAFETY: as the caller promises.
    unsafe { F32x16(_mm512_sub_ps(_mm512_castsi512_ps(words), zero.0)) }
}

/// The nearest integers. What does not fit 32 bits, and NaN, converts to the least integer: only the greatest need a
/// bound.
#[inline(always)]
unsafe fn rounded(v: F32x16) -> __m512i {
    // SAFETY: as the caller promises.
    unsafe { _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(1024.0), v.0)) }
}

/// 0 for each NaN.
#[inline(always)]
unsafe fn number(v: F32x16) -> F32x16 {
    // SAFETY: as the caller promises.
    unsafe { F32x16(_mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_ORD_Q>(v.0, v.0), v.0)) }
}

// SAFETY: a few instructions each; the caller has the instruction set and valid pointers.
unsafe impl Bytes for U8x64 {
    const N: usize = 64;
    type Float = F32x16;
    type Sums = Sums;

    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_loadu_si512(p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const u8, n: usize) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_maskz_loadu_epi8(first(n), p.cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { _mm512_storeu_si512(p.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut u8, n: usize) {
        // SAFETY: as the caller promises.
        unsafe { _mm512_mask_storeu_epi8(p.cast(), first(n), self.0) }
    }
    #[inline(always)]
    unsafe fn splat(v: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_set1_epi8(v as i8)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_min_epu8(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_max_epu8(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn spread(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(transposed(self.0)) }
    }
    #[inline(always)]
    unsafe fn collect(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(transposed(self.0)) }
    }
    #[inline(always)]
    unsafe fn widen(self, zero: F32x16) -> [F32x16; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (none, ones) = (_mm512_setzero_si512(), _mm512_set1_epi16((super::ONES >> 16) as i16));
            let (low, high) = (_mm512_unpacklo_epi8(self.0, none), _mm512_unpackhi_epi8(self.0, none));
            [
                float(_mm512_unpacklo_epi16(low, ones), zero),
                float(_mm512_unpackhi_epi16(low, ones), zero),
                float(_mm512_unpacklo_epi16(high, ones), zero),
                float(_mm512_unpackhi_epi16(high, ones), zero),
            ]
        }
    }
    #[inline(always)]
    unsafe fn narrow(v: [F32x16; 4], zero: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let [a, b, c, d] = [rounded(v[0]), rounded(v[1]), rounded(v[2]), rounded(v[3])];
            let zero = _mm512_set1_epi16(zero.into());
            let low = _mm512_adds_epi16(saturate::words_512(a, b), zero);
            let high = _mm512_adds_epi16(saturate::words_512(c, d), zero);
            Self(saturate::bytes_512(low, high))
        }
    }
    #[inline(always)]
    unsafe fn without_nan(v: [F32x16; 4]) -> [F32x16; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let [a, b, c, d] = v;
            let first = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a.0, b.0);
            let second = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(c.0, d.0);
            if first | second == 0 {
                return v;
            }
            [number(v[0]), number(v[1]), number(v[2]), number(v[3])]
        }
    }
    #[inline(always)]
    unsafe fn no_sums() -> Sums {
        // SAFETY: as the caller promises.
        unsafe { Sums { all: _mm512_setzero_si512(), odd: _mm512_setzero_si512() } }
    }
    #[inline(always)]
    unsafe fn count(sums: Sums, x: Self) -> Sums {
        // SAFETY: as the caller promises.
        unsafe {
            let odd = _mm512_srli_epi16::<8>(x.0);
            Sums { all: _mm512_add_epi16(sums.all, x.0), odd: _mm512_add_epi16(sums.odd, odd) }
        }
    }
    #[inline(always)]
    unsafe fn total(sums: Sums) -> [__m512i; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (none, odd) = (_mm512_setzero_si512(), sums.odd);
            let even = _mm512_sub_epi16(sums.all, _mm512_slli_epi16::<8>(odd));
            let (low, high) = (_mm512_unpacklo_epi16(even, odd), _mm512_unpackhi_epi16(even, odd));
            [
                _mm512_unpacklo_epi16(low, none),
                _mm512_unpackhi_epi16(low, none),
                _mm512_unpacklo_epi16(high, none),
                _mm512_unpackhi_epi16(high, none),
            ]
        }
    }
}
