//! aarch64 Advanced SIMD.

use core::arch::aarch64::*;

use super::{Division, Pixels, Quantization, QuantizeKernel, line};
use crate::Isa;
use crate::bytes::Bytes;
use crate::bytes::neon::U8x16;
use crate::lanes::Lanes;
use crate::lanes::neon::F32x4;

/// Pixels at a time.
const N: usize = 16;

unsafe fn run(how: &Quantization, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x16>(how, x, y, len) }
}

unsafe fn divided(how: &Division, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x16>(how, x, y, len) }
}

unsafe fn range(x: *const f32, len: usize) -> [f32; 2] {
    // SAFETY: as the caller promises.
    unsafe { line::range::<F32x4>(x, len) }
}

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
        let scale = F32x4::splat(how.inverse_scale);
        let mut i = 0;
        while i < count {
            i = i.min(count - N);
            let mut v = [[scale; 4]; 3];
            for q in 0..4 {
                let at = i + q * F32x4::N;
                let [a, b, c] = if PLANES {
                    [0, 1, 2].map(|c| F32x4::load(x.offset(c * x_channel).add(at)))
                } else {
                    let triples = vld3q_f32(x.add(3 * at));
                    [F32x4(triples.0), F32x4(triples.1), F32x4(triples.2)]
                };
                (v[0][q], v[1][q], v[2][q]) = (a.mul(scale), b.mul(scale), c.mul(scale));
            }
            let [a, b, c] = v.map(|v| U8x16::narrow(U8x16::without_nan(v), how.zero_point).0);
            vst4q_u8(y.add(4 * i), uint8x16x4_t(a, b, c, vdupq_n_u8(how.zero_point)));
            i += N;
        }
    }
}

/// 16 elements at a time.
pub static KERNEL: QuantizeKernel =
    QuantizeKernel { name: "quantize__neon", isa: Isa::Neon, line: run, divided, range, quads };
