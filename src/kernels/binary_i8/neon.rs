//! aarch64 Advanced SIMD.

use super::{Binary, BinaryKernel, Stretch, stretch};
use crate::Isa;
use crate::bytes::neon::U8x16;

unsafe fn run(how: &Binary, stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe { stretch::run::<U8x16>(how, stretch) }
}

/// 16 elements at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_i8__neon", isa: Isa::Neon, run };
