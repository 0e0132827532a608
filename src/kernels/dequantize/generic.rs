//! Portable Rust.

use super::{DequantizeKernel, Scale, line};
use crate::Isa;
use crate::bytes::generic::U8x4;

unsafe fn run(how: &Scale, x: *const u8, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x4>(how, x, y, len) }
}

/// Four elements at a time.
pub static KERNEL: DequantizeKernel = DequantizeKernel { name: "dequantize__generic", isa: Isa::Generic, line: run };
