//! aarch64 Advanced SIMD.

use super::{DequantizeKernel, Scale, line};
use crate::Isa;
use crate::bytes::neon::U8x16;

unsafe fn run(how: &Scale, x: *const u8, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x16>(how, x, y, len) }
}

/// 16 elements at a time.
pub static KERNEL: DequantizeKernel = DequantizeKernel { name: "dequantize__neon", isa: Isa::Neon, line: run };
