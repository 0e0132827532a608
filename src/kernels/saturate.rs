//! Narrowing with saturation by the processor's own instructions.
//!
//! Newer standard libraries spell these intrinsics as clamps, truncations and shuffles, which the optimizer does not
//! always join to the one instruction again; what remains costs more than the instruction.

use core::arch::asm;
use core::arch::x86_64::{__m128i, __m256i, __m512i};

macro_rules! narrowing {
    ($(#[$doc:meta])* $name:ident, $feature:literal, $vector:ty, $class:ident, $instruction:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The processor has the instruction for vectors of this width.
        #[target_feature(enable = $feature)]
        #[inline]
        pub(crate) unsafe fn $name(a: $vector, b: $vector) -> $vector {
            let narrow;
            // SAFETY: the instruction reads and writes registers alone; the processor has it, as the caller promises.
            unsafe {
                asm!(concat!($instruction, " {}, {}, {}"), lateout($class) narrow, in($class) a, in($class) b,
                    options(pure, nomem, nostack, preserves_flags));
            }
            narrow
        }
    };
}

narrowing!(
    /// i32 to i16: of each 128 bits those of `a` first.
    words_512, "avx512f,avx512bw", __m512i, zmm_reg, "vpackssdw"
);
narrowing!(
    /// i16 to u8: of each 128 bits those of `a` first.
    bytes_512, "avx512f,avx512bw", __m512i, zmm_reg, "vpackuswb"
);
narrowing!(
    /// i32 to i16: of each 128 bits those of `a` first.
    words_256, "avx2", __m256i, ymm_reg, "vpackssdw"
);
narrowing!(
    /// i16 to u8: of each 128 bits those of `a` first.
    bytes_256, "avx2", __m256i, ymm_reg, "vpackuswb"
);
narrowing!(
    /// i16 to u8: those of `a` first.
    bytes_128, "avx", __m128i, xmm_reg, "vpackuswb"
);
