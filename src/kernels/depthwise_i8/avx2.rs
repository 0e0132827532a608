//! AVX2: sums of pairs of 16-bit products, which are exact.

use core::arch::x86_64::*;
use core::ops::Range;

use super::lanes::{Lanes, Task, load_some, store_some};
use super::{DepthwiseKernel, Job, walk};
use crate::{Isa, saturate};

/// 32 bytes.
#[derive(Clone, Copy)]
struct U8x32(__m256i);

/// The first `count` of 16 bytes, and zeros.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn load_first(at: *const u8, count: usize) -> __m128i {
    // SAFETY: as the caller promises.
    unsafe {
        if count >= 16 {
            return _mm_loadu_si128(at.cast());
        }
        let bytes = load_some(at, count);
        _mm_set_epi64x((bytes >> 64) as i64, bytes as i64)
    }
}

/// Stores the first `count` of 16 bytes.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn store_first(v: __m128i, at: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        if count >= 16 {
            return _mm_storeu_si128(at.cast(), v);
        }
        let (low, high) = (_mm_cvtsi128_si64(v) as u64, _mm_extract_epi64::<1>(v) as u64);
        store_some(u128::from(high) << 64 | u128::from(low), at, count);
    }
}

// SAFETY: few instructions each; the caller has the instruction set and valid pointers.
unsafe impl Lanes for U8x32 {
    const LANES: usize = 2;
    const SWEEPS: bool = false;
    const WIDENS: bool = true;
    /// The first and third byte of each word, widened to 16 bits, and the others.
    type Quads = [__m256i; 2];
    /// In the same order.
    type Weights = [__m256i; 2];
    type Ints = __m256i;
    type Floats = __m256;

    unsafe fn within<T: Task>(task: T) {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn run<T: Task>(task: T) {
            // SAFETY: as the caller promises.
            unsafe { task.run() }
        }
        // SAFETY: as the caller promises.
        unsafe { run(task) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_set1_epi8(byte as i8)) }
    }
    #[inline(always)]
    unsafe fn gather<const G: usize, const FULL: bool>(at: [*const u8; G], count: usize) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            match G {
                1 if FULL => Self(_mm256_loadu_si256(at[0].cast())),
                1 => {
                    let low = load_first(at[0], count.min(16));
                    let high = load_first(at[0].wrapping_add(16), count.saturating_sub(16));
                    Self(_mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high))
                }
                _ => {
                    let count = if FULL { 16 } else { count };
                    let (low, high) = (load_first(at[0], count), load_first(at[1], count));
                    Self(_mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high))
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn scatter<const G: usize, const FULL: bool>(self, at: [*mut u8; G], count: usize) {
        // SAFETY: as the caller promises.
        unsafe {
            let (low, high) = (_mm256_castsi256_si128(self.0), _mm256_extracti128_si256::<1>(self.0));
            match G {
                1 if FULL => _mm256_storeu_si256(at[0].cast(), self.0),
                1 => {
                    store_first(low, at[0], count.min(16));
                    store_first(high, at[0].wrapping_add(16), count.saturating_sub(16));
                }
                _ => {
                    let count = if FULL { 16 } else { count };
                    store_first(low, at[0], count);
                    store_first(high, at[1], count);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [Self; 4]) -> [[__m256i; 2]; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let zero = _mm256_setzero_si256();
            let mut quads = [[zero; 2]; 4];
            for (i, (x, y)) in [(a.0, c.0), (b.0, d.0)].into_iter().enumerate() {
                let (low, high) = (_mm256_unpacklo_epi8(x, y), _mm256_unpackhi_epi8(x, y));
                quads[0][i] = _mm256_unpacklo_epi8(low, zero);
                quads[1][i] = _mm256_unpackhi_epi8(low, zero);
                quads[2][i] = _mm256_unpacklo_epi8(high, zero);
                quads[3][i] = _mm256_unpackhi_epi8(high, zero);
            }
            quads
        }
    }
    #[inline(always)]
    unsafe fn spread<const G: usize>(words: *const [u8; 4], panels: usize) -> [Self; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let a = _mm256_loadu_si256(words.cast());
            let b = _mm256_loadu_si256(words.add(8).cast());
            let (mut c, mut d) = (a, b);
            if G == 1 {
                (c, d) = (_mm256_setzero_si256(), _mm256_setzero_si256());
                if panels > 1 {
                    c = _mm256_loadu_si256(words.add(16).cast());
                    d = _mm256_loadu_si256(words.add(24).cast());
                }
            }
            let (first, second) = (_mm256_permute2x128_si256::<0x20>(a, c), _mm256_permute2x128_si256::<0x31>(a, c));
            let (third, fourth) = (_mm256_permute2x128_si256::<0x20>(b, d), _mm256_permute2x128_si256::<0x31>(b, d));
            [Self(first), Self(second), Self(third), Self(fourth)]
        }
    }
    #[inline(always)]
    unsafe fn weights(self) -> [__m256i; 2] {
        // SAFETY: as the caller promises.
        unsafe { [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(self.0)), _mm256_srai_epi16::<8>(self.0)] }
    }
    #[inline(always)]
    unsafe fn weights_less(self, zeros: Self) -> [__m256i; 2] {
        // SAFETY: as the caller promises.
        unsafe {
            let ([w0, w1], [z0, z1]) = (self.weights(), zeros.weights());
            [_mm256_sub_epi16(w0, z0), _mm256_sub_epi16(w1, z1)]
        }
    }
    #[inline(always)]
    unsafe fn dot(sums: __m256i, quads: [__m256i; 2], weights: [__m256i; 2]) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe {
            let sums = _mm256_add_epi32(sums, _mm256_madd_epi16(quads[0], weights[0]));
            _mm256_add_epi32(sums, _mm256_madd_epi16(quads[1], weights[1]))
        }
    }

    #[inline(always)]
    unsafe fn up<const BYTES: usize>(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_sll_epi32(self.0, _mm_cvtsi32_si128(8 * BYTES as i32))) }
    }
    #[inline(always)]
    unsafe fn down<const BYTES: usize>(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_srl_epi32(self.0, _mm_cvtsi32_si128(8 * BYTES as i32))) }
    }
    #[inline(always)]
    unsafe fn or(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_or_si256(self.0, o.0)) }
    }

    #[inline(always)]
    unsafe fn ints(self) -> __m256i {
        self.0
    }
    #[inline(always)]
    unsafe fn floats(self) -> __m256 {
        // SAFETY: as the caller promises.
        unsafe { _mm256_castsi256_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn widen(self) -> [__m256i; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let zero = _mm256_setzero_si256();
            let (low, high) = (_mm256_unpacklo_epi8(self.0, zero), _mm256_unpackhi_epi8(self.0, zero));
            let (first, second) = (_mm256_unpacklo_epi16(low, zero), _mm256_unpackhi_epi16(low, zero));
            [first, second, _mm256_unpacklo_epi16(high, zero), _mm256_unpackhi_epi16(high, zero)]
        }
    }
    #[inline(always)]
    unsafe fn splat_int(v: i32) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe { _mm256_set1_epi32(v) }
    }
    #[inline(always)]
    unsafe fn add_int(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub_int(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe { _mm256_sub_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_int(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe { _mm256_mullo_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn clamp_int(a: __m256i, low: __m256i, high: __m256i) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe { _mm256_min_epi32(_mm256_max_epi32(a, low), high) }
    }
    #[inline(always)]
    unsafe fn to_float(a: __m256i) -> __m256 {
        // SAFETY: as the caller promises.
        unsafe { _mm256_cvtepi32_ps(a) }
    }
    #[inline(always)]
    unsafe fn splat_float(v: f32) -> __m256 {
        // SAFETY: as the caller promises.
        unsafe { _mm256_set1_ps(v) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as the caller promises.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as the caller promises.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn bounded(a: __m256) -> __m256 {
        // SAFETY: as the caller promises. NaN stays, and converts to the least integer.
        unsafe { _mm256_min_ps(_mm256_set1_ps(1024.0), a) }
    }
    #[inline(always)]
    unsafe fn round(a: __m256) -> __m256i {
        // SAFETY: as the caller promises.
        unsafe { _mm256_cvtps_epi32(a) }
    }

    #[inline(always)]
    unsafe fn pack(a: __m256i, b: __m256i) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(saturate::words_256(a, b)) }
    }
    #[inline(always)]
    unsafe fn add_words(self, word: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_adds_epi16(self.0, word.0)) }
    }
    #[inline(always)]
    unsafe fn splat_word(word: i16) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_set1_epi16(word)) }
    }
    #[inline(always)]
    unsafe fn pack_words(a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(saturate::bytes_256(a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_min_epu8(_mm256_max_epu8(self.0, low.0), high.0)) }
    }
}

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<U8x32>(job, rows, channels) }
}

/// 32 channels at a time, or 16 of two groups of rows.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_i8__avx2", isa: Isa::Avx2, run };
