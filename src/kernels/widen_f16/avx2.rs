//! AVX2 with F16C, without which it counts as absent.

use core::arch::x86_64::*;

use super::WidenKernel;
use crate::Isa;

#[target_feature(enable = "avx2,f16c")]
unsafe fn line(x: *const u16, y: *mut f32, len: usize) {
    for i in (0..len).step_by(8) {
        // SAFETY: eight elements are there, as the length is a multiple of 16.
        unsafe { _mm256_storeu_ps(y.add(i), _mm256_cvtph_ps(_mm_loadu_si128(x.add(i).cast()))) };
    }
}

/// Eight elements at a time.
pub static KERNEL: WidenKernel = WidenKernel { name: "widen_f16__avx2", isa: Isa::Avx2, line };
