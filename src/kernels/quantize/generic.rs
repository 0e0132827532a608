//! Portable Rust.

use super::{Division, Pixels, Quantization, QuantizeKernel, line};
use crate::Isa;
use crate::bytes::generic::U8x4;
use crate::lanes::generic::F32x1;
use crate::requantize::Requantize;

impl Quantization {
    /// The byte for `x`.
    #[inline(always)]
    pub(super) fn of(&self, x: f32) -> u8 {
        let v = x * self.inverse_scale;
        let all = Requantize { zero: self.zero_point, low: 0, high: 255 };
        all.round(if v.is_nan() { 0.0 } else { v })
    }
}

unsafe fn run(how: &Quantization, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x4>(how, x, y, len) }
}

unsafe fn divided(how: &Division, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x4>(how, x, y, len) }
}

unsafe fn range(x: *const f32, len: usize) -> [f32; 2] {
    // SAFETY: as the caller promises.
    unsafe { line::range::<F32x1>(x, len) }
}

unsafe fn quads(how: &Quantization, pixels: &Pixels) {
    // SAFETY: as the caller promises.
    unsafe { line::quads_from(how, pixels, 0) }
}

/// One element at a time.
pub static KERNEL: QuantizeKernel =
    QuantizeKernel { name: "quantize__generic", isa: Isa::Generic, line: run, divided, range, quads };
