//! AVX2.

use super::{Binary, BinaryKernel, Stretch, stretch};
use crate::Isa;
use crate::bytes::avx2::U8x32;

#[target_feature(enable = "avx2")]
unsafe fn run(how: &Binary, stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe { stretch::run::<U8x32>(how, stretch) }
}

/// 32 elements at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_i8__avx2", isa: Isa::Avx2, run };
