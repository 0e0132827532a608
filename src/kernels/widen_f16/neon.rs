//! aarch64 Advanced SIMD. The conversion is part of it since its first version; the type that intrinsics take is not stable.

use core::arch::aarch64::*;
use core::arch::asm;

use super::WidenKernel;
use crate::Isa;

#[target_feature(enable = "neon")]
unsafe fn line(x: *const u16, y: *mut f32, len: usize) {
    for i in (0..len).step_by(8) {
        // SAFETY: eight elements are there, as the length is a multiple of 16; the instructions touch registers alone.
        unsafe {
            let halves = vld1q_u16(x.add(i));
            let (low, high): (float32x4_t, float32x4_t);
            asm!(
                "fcvtl {low:v}.4s, {halves:v}.4h",
                "fcvtl2 {high:v}.4s, {halves:v}.8h",
                halves = in(vreg) halves,
                low = out(vreg) low,
                high = lateout(vreg) high,
                options(pure, nomem, nostack, preserves_flags),
            );
            vst1q_f32(y.add(i), low);
            vst1q_f32(y.add(i + 4), high);
        }
    }
}

/// Eight elements at a time.
pub static KERNEL: WidenKernel = WidenKernel { name: "widen_f16__neon", isa: Isa::Neon, line };
