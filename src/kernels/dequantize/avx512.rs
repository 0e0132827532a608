//! AVX-512.

use super::{DequantizeKernel, Scale, line};
use crate::Isa;
use crate::bytes::avx512::U8x64;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(how: &Scale, x: *const u8, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { line::line::<U8x64>(how, x, y, len) }
}

/// 64 elements at a time.
pub static KERNEL: DequantizeKernel = DequantizeKernel { name: "dequantize__avx512", isa: Isa::Avx512, line: run };
