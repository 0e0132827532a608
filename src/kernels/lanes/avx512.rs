//! Sixteen lanes of AVX-512.

use core::arch::x86_64::*;

use super::{Fused, Lanes};

/// 16 f32.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(pub(crate) __m512);

// SAFETY: one instruction each; the caller has the instruction set and valid pointers.
unsafe impl Lanes for F32x16 {
    const N: usize = 16;
    type Mask = __mmask16;
    type Int = __m512i;

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe { _mm512_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        // SAFETY: as the caller promises.
        unsafe { _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as __mmask16, self.0) }
    }
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_set1_ps(v)) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_add_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_sub_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_mul_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_div_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_min_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_max_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_andnot_ps(_mm512_set1_ps(-0.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn neg(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_xor_ps(_mm512_set1_ps(-0.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn copysign(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let sign = _mm512_set1_ps(-0.0);
            Self(_mm512_or_ps(_mm512_andnot_ps(sign, self.0), _mm512_and_ps(sign, o.0)))
        }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn floor(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn ceil(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn lt(self, o: Self) -> Self::Mask {
        // SAFETY: as the caller promises.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, o.0) }
    }
    #[inline(always)]
    unsafe fn le(self, o: Self) -> Self::Mask {
        // SAFETY: as the caller promises.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, o.0) }
    }
    #[inline(always)]
    unsafe fn eq(self, o: Self) -> Self::Mask {
        // SAFETY: as the caller promises.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, o.0) }
    }
    #[inline(always)]
    unsafe fn select(mask: Self::Mask, a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_mask_blend_ps(mask, b.0, a.0)) }
    }
    #[inline(always)]
    unsafe fn bits_of(mask: Self::Mask) -> u32 {
        u32::from(mask)
    }
    #[inline(always)]
    unsafe fn to_int(self) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_cvtps_epi32(self.0) }
    }
    #[inline(always)]
    unsafe fn from_int(i: Self::Int) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_cvtepi32_ps(i)) }
    }
    #[inline(always)]
    unsafe fn to_bits(self) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_castps_si512(self.0) }
    }
    #[inline(always)]
    unsafe fn from_bits(i: Self::Int) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_castsi512_ps(i)) }
    }
    #[inline(always)]
    unsafe fn int_splat(v: i32) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_set1_epi32(v) }
    }
    #[inline(always)]
    unsafe fn int_add(a: Self::Int, b: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn int_sub(a: Self::Int, b: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn int_and(a: Self::Int, b: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    unsafe fn int_shl<const BY: u32>(a: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_sll_epi32(a, _mm_cvtsi32_si128(BY as i32)) }
    }
    #[inline(always)]
    unsafe fn int_sar<const BY: u32>(a: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm512_sra_epi32(a, _mm_cvtsi32_si128(BY as i32)) }
    }
}

// SAFETY: one instruction; the caller has the instruction set.
unsafe impl Fused for F32x16 {
    #[inline(always)]
    unsafe fn fused(self, a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_fmadd_ps(self.0, a.0, b.0)) }
    }
}
