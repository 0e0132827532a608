//! Portable Rust.

use super::{Arithmetic, BinaryKernel, Stretch, functions};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(kind: Arithmetic, clamp: (f32, f32), stretch: &Stretch) {
    let contiguous = stretch.tile.col[0] == 1 && stretch.tile.col[1..].iter().all(|&step| step == 0 || step == 1);
    let one_by_one = matches!(kind, Arithmetic::Pow | Arithmetic::Mod | Arithmetic::Fmod);
    // SAFETY: as the caller promises.
    unsafe {
        if contiguous && !one_by_one {
            functions::rows::<F32x1>(kind, clamp, stretch);
        } else {
            functions::strided::<F32x1>(kind, clamp, stretch);
        }
    }
}

/// One element at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_f32__generic", isa: Isa::Generic, any_step: true, run };
