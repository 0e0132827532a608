//! Portable Rust.

use super::WinogradKernel;
use super::transform::{self, Finish, Patch};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn input(patch: &Patch) {
    // SAFETY: as the caller promises.
    unsafe { transform::input::<F32x1>(patch) }
}

unsafe fn output(tile: &Finish) {
    // SAFETY: as the caller promises.
    unsafe { transform::output::<F32x1>(tile) }
}

/// One channel at a time.
pub static KERNEL: WinogradKernel = WinogradKernel { name: "winograd_f32__generic", isa: Isa::Generic, input, output };
