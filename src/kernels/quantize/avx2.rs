//! AVX2.

use core::arch::x86_64::*;

use super::{Pixels, Quantization, QuantizeKernel, line};
use crate::Isa;
use crate::bytes::Bytes;
use crate::bytes::avx2::U8x32;
use crate::lanes::Lanes;
use crate::lanes::avx2::F32x8;

/// Pixels at a time.
const N: usize = 8;

#[target_feature(enable = "avx2")]
unsafe fn run(how: &Quantization, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x32>(how, x, y, len) }
}

#[target_feature(enable = "avx2")]
unsafe fn quads(how: &Quantization, pixels: &Pixels) {
    // SAFETY: as the caller promises; what is read and written at once are whole pixels.
    unsafe {
        let Pixels { x, x_step, x_channel, channels, .. } = *pixels;
        if x_step == 1 && channels == 3 {
            return by_eight(how, pixels, |scale, i| {
                let planes = [0, 1, 2].map(|c| F32x8::load(x.offset(c * x_channel).add(i)).mul(scale));
                let [r, g, b] = planes;
                // Within each lane of 16 bytes four of each plane.
                let interleaved = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let bytes = four(how, [r, g, b, F32x8::splat(0.0)]);
                _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(interleaved))
            });
        }
        if x_channel == 1 && x_step == 3 && channels == 3 {
            return by_eight(how, pixels, |scale, i| {
                let [a, b, c] = [0, N, 2 * N].map(|at| F32x8::load(x.add(3 * i + at)).mul(scale));
                let bytes = four(how, [a, b, c, F32x8::splat(0.0)]);
                // Words of the three vectors, as `four` left them, to three a lane and one of zero points; there
                // four triples spread over it.
                let words = _mm256_setr_epi32(0, 4, 1, 3, 5, 2, 6, 7);
                let spread = _mm_setr_epi8(0, 1, 2, 12, 3, 4, 5, 13, 6, 7, 8, 14, 9, 10, 11, 15);
                let bytes = _mm256_permutevar8x32_epi32(bytes, words);
                _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(spread))
            });
        }
        line::quads_from(how, pixels, 0);
    }
}

/// The bytes of four vectors, those of one lane of each side by side.
#[inline(always)]
unsafe fn four(how: &Quantization, v: [F32x8; 4]) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe { U8x32::narrow(U8x32::without_nan(v), how.zero_point).0 }
}

/// Stores what `of` makes of eight pixels, the last ones a second time where they are not a multiple.
#[inline(always)]
unsafe fn by_eight(how: &Quantization, pixels: &Pixels, of: impl Fn(F32x8, usize) -> __m256i) {
    let Pixels { y, count, .. } = *pixels;
    // SAFETY: `i + N` is at most `count`.
    unsafe {
        if count < N {
            return line::quads_from(how, pixels, 0);
        }
        let scale = F32x8::splat(how.inverse_scale);
        let mut i = 0;
        while i + N <= count {
            U8x32(of(scale, i)).store(y.add(4 * i));
            i += N;
        }
        if i < count {
            U8x32(of(scale, count - N)).store(y.add(4 * (count - N)));
        }
    }
}

/// 32 elements at a time.
pub static KERNEL: QuantizeKernel = QuantizeKernel { name: "quantize__avx2", isa: Isa::Avx2, line: run, quads };
