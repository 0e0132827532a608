//! AVX2.

use core::arch::x86_64::*;

use super::{Division, Pixels, Quantization, QuantizeKernel, line};
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
unsafe fn divided(how: &Division, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x32>(how, x, y, len) }
}

#[target_feature(enable = "avx2")]
unsafe fn range(x: *const f32, len: usize) -> [f32; 2] {
    // SAFETY: as the caller promises.
    unsafe { line::range::<F32x8>(x, len) }
}

#[target_feature(enable = "avx2")]
unsafe fn quads(how: &Quantization, pixels: &Pixels) {
    // SAFETY: as the caller promises; what is read and written at once are whole pixels.
    unsafe {
        let Pixels { x_step, x_channel, channels, count, .. } = *pixels;
        if channels == 3 && count >= N && x_step == 1 {
            return by_vectors::<true>(how, pixels);
        }
        if channels == 3 && count >= N && x_step == 3 && x_channel == 1 {
            return by_vectors::<false>(how, pixels);
        }
        line::quads_from(how, pixels, 0);
    }
}

/// Three planes, or else triples side by side, of at least `N` pixels. The last vector overlaps its forerunner where they
/// are not a multiple.
///
/// # Safety
/// As for `quads`.
#[inline(always)]
unsafe fn by_vectors<const PLANES: bool>(how: &Quantization, pixels: &Pixels) {
    let Pixels { x, x_channel, y, count, .. } = *pixels;
    // SAFETY: `i + N` is at most `count`; what is read and written at once are whole pixels.
    unsafe {
        let scale = F32x8::splat(how.inverse_scale);
        let (first, step) = if PLANES { (x, x_channel) } else { (x, N as isize) };
        // Lanes of 16 bytes have four of each vector. Those of planes are four pixels; of triples the words are first
        // brought together, each with one of zero points, and then spread.
        let words = _mm256_setr_epi32(0, 4, 1, 3, 5, 2, 6, 7);
        let order = if PLANES {
            _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
        } else {
            _mm_setr_epi8(0, 1, 2, 12, 3, 4, 5, 13, 6, 7, 8, 14, 9, 10, 11, 15)
        };
        let order = _mm256_broadcastsi128_si256(order);
        let mut i = 0;
        while i < count {
            i = i.min(count - N);
            let x = first.add(if PLANES { i } else { 3 * i });
            let a = F32x8::load(x).mul(scale);
            let b = F32x8::load(x.offset(step)).mul(scale);
            let c = F32x8::load(x.offset(2 * step)).mul(scale);
            let v = U8x32::narrow(U8x32::without_nan([a, b, c, F32x8::splat(0.0)]), how.zero_point);
            let v = if PLANES { v.0 } else { _mm256_permutevar8x32_epi32(v.0, words) };
            U8x32(_mm256_shuffle_epi8(v, order)).store(y.add(4 * i));
            i += N;
        }
    }
}

/// 32 elements at a time.
pub static KERNEL: QuantizeKernel =
    QuantizeKernel { name: "quantize__avx2", isa: Isa::Avx2, line: run, divided, range, quads };
