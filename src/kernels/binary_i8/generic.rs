//! Portable Rust.

use super::{Binary, BinaryKernel, Stretch, stretch};
use crate::Isa;
use crate::bytes::generic::U8x4;

unsafe fn run(how: &Binary, stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe { stretch::run::<U8x4>(how, stretch) }
}

/// Four elements at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_i8__generic", isa: Isa::Generic, run };
