//! Portable Rust.

use super::WidenKernel;
use crate::Isa;
use crate::cast::f16_to_f64;

unsafe fn line(x: *const u16, y: *mut f32, len: usize) {
    for i in 0..len {
        // SAFETY: `i` is below the length of both, as the caller promises.
        unsafe { y.add(i).write(f16_to_f64(x.add(i).read()) as f32) };
    }
}

/// One element at a time.
pub static KERNEL: WidenKernel = WidenKernel { name: "widen_f16__generic", isa: Isa::Generic, line };
