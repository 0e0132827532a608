//! AVX-512 with VNNI.

use core::arch::x86_64::*;
use core::ops::Range;

use super::lanes::{Lanes, Task};
use super::{DepthwiseKernel, Job, walk};
use crate::{Isa, saturate};

/// 64 bytes.
#[derive(Clone, Copy)]
struct U8x64(__m512i);

#[inline(always)]
fn mask(count: usize) -> u64 {
    u64::MAX >> (64 - count)
}

/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn join(low: __m256i, high: __m256i) -> U8x64 {
    // SAFETY: as the caller promises.
    unsafe { U8x64(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)) }
}

// SAFETY: few instructions each; the caller has the instruction set and valid pointers.
unsafe impl Lanes for U8x64 {
    const LANES: usize = 4;
    const SWEEPS: bool = true;
    type Quads = __m512i;
    type Weights = __m512i;
    type Ints = __m512i;
    type Floats = __m512;

    unsafe fn within<T: Task>(task: T) {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
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
        unsafe { Self(_mm512_set1_epi8(byte as i8)) }
    }
    #[inline(always)]
    unsafe fn gather<const G: usize, const FULL: bool>(at: [*const u8; G], count: usize) -> Self {
        // SAFETY: as the caller promises; bytes past the count are masked.
        unsafe {
            match G {
                1 if FULL => Self(_mm512_loadu_si512(at[0].cast())),
                1 => Self(_mm512_maskz_loadu_epi8(mask(count), at[0].cast())),
                2 if FULL => join(_mm256_loadu_si256(at[0].cast()), _mm256_loadu_si256(at[1].cast())),
                2 => {
                    let mask = mask(count) as u32;
                    join(_mm256_maskz_loadu_epi8(mask, at[0].cast()), _mm256_maskz_loadu_epi8(mask, at[1].cast()))
                }
                _ => {
                    let mut parts = [_mm_setzero_si128(); 4];
                    for (part, at) in parts.iter_mut().zip(&at) {
                        *part = match FULL {
                            true => _mm_loadu_si128(at.cast()),
                            false => _mm_maskz_loadu_epi8(mask(count) as u16, at.cast()),
                        };
                    }
                    let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(parts[0]), parts[1]);
                    let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(parts[2]), parts[3]);
                    join(low, high)
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn scatter<const G: usize, const FULL: bool>(self, at: [*mut u8; G], count: usize) {
        let v = self.0;
        // SAFETY: as the caller promises; bytes past the count are masked.
        unsafe {
            match G {
                1 if FULL => _mm512_storeu_si512(at[0].cast(), v),
                1 => _mm512_mask_storeu_epi8(at[0].cast(), mask(count), v),
                2 => {
                    let parts = [_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v)];
                    for (part, at) in parts.into_iter().zip(at) {
                        match FULL {
                            true => _mm256_storeu_si256(at.cast(), part),
                            false => _mm256_mask_storeu_epi8(at.cast(), mask(count) as u32, part),
                        }
                    }
                }
                _ => {
                    let parts = [
                        _mm512_castsi512_si128(v),
                        _mm512_extracti32x4_epi32::<1>(v),
                        _mm512_extracti32x4_epi32::<2>(v),
                        _mm512_extracti32x4_epi32::<3>(v),
                    ];
                    for (part, at) in parts.into_iter().zip(at) {
                        match FULL {
                            true => _mm_storeu_si128(at.cast(), part),
                            false => _mm_mask_storeu_epi8(at.cast(), mask(count) as u16, part),
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [Self; 4]) -> [__m512i; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (ab, cd) = (_mm512_unpacklo_epi8(a.0, b.0), _mm512_unpacklo_epi8(c.0, d.0));
            let (first, second) = (_mm512_unpacklo_epi16(ab, cd), _mm512_unpackhi_epi16(ab, cd));
            let (ab, cd) = (_mm512_unpackhi_epi8(a.0, b.0), _mm512_unpackhi_epi8(c.0, d.0));
            [first, second, _mm512_unpacklo_epi16(ab, cd), _mm512_unpackhi_epi16(ab, cd)]
        }
    }
    #[inline(always)]
    unsafe fn spread<const G: usize>(words: *const [u8; 4], panels: usize) -> [Self; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let mut loaded = [_mm512_setzero_si512(); 4];
            for (lane, vector) in loaded.iter_mut().enumerate() {
                let panel = lane % (4 / G);
                if panel < panels {
                    *vector = _mm512_loadu_si512(words.add(panel * 16).cast());
                }
            }
            let [a, b, c, d] = loaded;
            // Lanes are transposed: lane q of vector l becomes lane l of vector q.
            let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
            let (first, second) = (_mm512_shuffle_i32x4::<0x88>(ab, cd), _mm512_shuffle_i32x4::<0xdd>(ab, cd));
            let (ab, cd) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
            let (third, fourth) = (_mm512_shuffle_i32x4::<0x88>(ab, cd), _mm512_shuffle_i32x4::<0xdd>(ab, cd));
            [Self(first), Self(second), Self(third), Self(fourth)]
        }
    }
    #[inline(always)]
    unsafe fn weights(self) -> __m512i {
        self.0
    }
    #[inline(always)]
    unsafe fn dot(sums: __m512i, quads: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe { _mm512_dpbusd_epi32(sums, quads, weights) }
    }

    #[inline(always)]
    unsafe fn up<const BYTES: usize>(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_sll_epi32(self.0, _mm_cvtsi32_si128(8 * BYTES as i32))) }
    }
    #[inline(always)]
    unsafe fn down<const BYTES: usize>(self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_srl_epi32(self.0, _mm_cvtsi32_si128(8 * BYTES as i32))) }
    }
    #[inline(always)]
    unsafe fn or(self, o: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_or_si512(self.0, o.0)) }
    }

    #[inline(always)]
    unsafe fn ints(self) -> __m512i {
        self.0
    }
    #[inline(always)]
    unsafe fn floats(self) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe { _mm512_castsi512_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn widen(self) -> [__m512i; 4] {
        // SAFETY: as the caller promises.
        unsafe { Self::interleave([self, Self::splat(0), Self::splat(0), Self::splat(0)]) }
    }
    #[inline(always)]
    unsafe fn splat_int(v: i32) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe { _mm512_set1_epi32(v) }
    }
    #[inline(always)]
    unsafe fn add_int(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub_int(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_int(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe { _mm512_mullo_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn clamp_int(a: __m512i, low: __m512i, high: __m512i) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe { _mm512_min_epi32(_mm512_max_epi32(a, low), high) }
    }
    #[inline(always)]
    unsafe fn to_float(a: __m512i) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe { _mm512_cvtepi32_ps(a) }
    }
    #[inline(always)]
    unsafe fn splat_float(v: f32) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe { _mm512_set1_ps(v) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn bounded(a: __m512) -> __m512 {
        // SAFETY: as the caller promises. NaN stays, and converts to the least integer.
        unsafe { _mm512_min_ps(_mm512_set1_ps(1024.0), a) }
    }
    #[inline(always)]
    unsafe fn round(a: __m512) -> __m512i {
        // SAFETY: as the caller promises.
        unsafe { _mm512_cvtps_epi32(a) }
    }

    #[inline(always)]
    unsafe fn pack(a: __m512i, b: __m512i) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(saturate::words_512(a, b)) }
    }
    #[inline(always)]
    unsafe fn add_words(self, word: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_adds_epi16(self.0, word.0)) }
    }
    #[inline(always)]
    unsafe fn splat_word(word: i16) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_set1_epi16(word)) }
    }
    #[inline(always)]
    unsafe fn pack_words(a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(saturate::bytes_512(a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm512_min_epu8(_mm512_max_epu8(self.0, low.0), high.0)) }
    }
}

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe { walk::run::<U8x64>(job, rows, channels) }
}

/// 64 channels at a time, or fewer of several rows.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_i8__avx512vnni", isa: Isa::Avx512Vnni, run };
