//! Eight lanes of AVX2.

use core::arch::x86_64::*;

use super::{Fused, Lanes};

/// Ones for the first lanes when read from `8 - n` on.
static FIRST: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// The mask of the first `n` lanes.
#[inline(always)]
pub(crate) unsafe fn first(n: usize) -> __m256i {
    debug_assert!(n <= 8);
    // SAFETY: eight words from `8 - n` on lie in the table; the caller has AVX2.
    unsafe { _mm256_loadu_si256(FIRST.as_ptr().add(8 - n).cast()) }
}

/// 8 f32.
#[derive(Clone, Copy)]
pub(crate) struct F32x8(pub(crate) __m256);

// SAFETY: one instruction each; the caller has the instruction set and valid pointers.
unsafe impl Lanes for F32x8 {
    const N: usize = 8;
    type Mask = __m256;
    type Int = __m256i;

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_maskload_ps(p, first(n))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_maskstore_ps(p, first(n), self.0) }
    }
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_set1_ps(v)) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_add_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_sub_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_mul_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_div_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_min_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_max_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn neg(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_xor_ps(_mm256_set1_ps(-0.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn copysign(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            Self(_mm256_or_ps(_mm256_andnot_ps(sign, self.0), _mm256_and_ps(sign, o.0)))
        }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn floor(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_round_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn ceil(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_round_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn lt(self, o: Self) -> Self::Mask {
        // SAFETY: as the caller promises.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, o.0) }
    }
    #[inline(always)]
    unsafe fn le(self, o: Self) -> Self::Mask {
        // SAFETY: as the caller promises.
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, o.0) }
    }
    #[inline(always)]
    unsafe fn eq(self, o: Self) -> Self::Mask {
        // SAFETY: as the caller promises.
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, o.0) }
    }
    #[inline(always)]
    unsafe fn select(mask: Self::Mask, a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_blendv_ps(b.0, a.0, mask)) }
    }
    #[inline(always)]
    unsafe fn bits_of(mask: Self::Mask) -> u32 {
        // SAFETY: as the caller promises.
        unsafe { _mm256_movemask_ps(mask) as u32 }
    }
    #[inline(always)]
    unsafe fn to_int(self) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_cvtps_epi32(self.0) }
    }
    #[inline(always)]
    unsafe fn from_int(i: Self::Int) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_cvtepi32_ps(i)) }
    }
    #[inline(always)]
    unsafe fn to_bits(self) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_castps_si256(self.0) }
    }
    #[inline(always)]
    unsafe fn from_bits(i: Self::Int) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_castsi256_ps(i)) }
    }
    #[inline(always)]
    unsafe fn int_splat(v: i32) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_set1_epi32(v) }
    }
    #[inline(always)]
    unsafe fn int_add(a: Self::Int, b: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn int_sub(a: Self::Int, b: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_sub_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn int_and(a: Self::Int, b: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_and_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn int_shl<const BY: u32>(a: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_sll_epi32(a, _mm_cvtsi32_si128(BY as i32)) }
    }
    #[inline(always)]
    unsafe fn int_sar<const BY: u32>(a: Self::Int) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { _mm256_sra_epi32(a, _mm_cvtsi32_si128(BY as i32)) }
    }
}

// SAFETY: one instruction; the caller has the instruction set.
unsafe impl Fused for F32x8 {
    #[inline(always)]
    unsafe fn fused(self, a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_fmadd_ps(self.0, a.0, b.0)) }
    }
}
