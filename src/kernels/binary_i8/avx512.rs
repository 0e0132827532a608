//! AVX-512.

use super::{Binary, BinaryKernel, Stretch, stretch};
use crate::Isa;
use crate::bytes::avx512::U8x64;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(how: &Binary, stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe { stretch::run::<U8x64>(how, stretch) }
}

/// 64 elements at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_i8__avx512", isa: Isa::Avx512, run };
