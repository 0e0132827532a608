//! AVX2.

use super::{DequantizeKernel, Scale, line};
use crate::Isa;
use crate::bytes::avx2::U8x32;

#[target_feature(enable = "avx2")]
unsafe fn run(how: &Scale, x: *const u8, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x32>(how, x, y, len) }
}

/// 32 elements at a time.
pub static KERNEL: DequantizeKernel = DequantizeKernel { name: "dequantize__avx2", isa: Isa::Avx2, line: run };
