//! aarch64 with the dot-product instructions.

use core::arch::aarch64::*;
use core::arch::asm;

use super::GemmKernel;
use super::a64::{self, Dot};
use super::tile::{Tile, TileFn, Tiles};
use crate::Isa;

struct Signed;

impl Dot for Signed {
    const FLIP: u8 = 0x80;

    #[inline(always)]
    unsafe fn dot<const LANE: usize>(sum: int32x4_t, w: int8x16_t, x: uint8x16_t) -> int32x4_t {
        let mut sum = sum;
        // SAFETY: the instruction reads and writes registers alone; the processor has it, as the caller promises.
        unsafe {
            asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]", inout(vreg) sum, in(vreg) w, in(vreg) x, const LANE,
                options(pure, nomem, nostack, preserves_flags));
        }
        sum
    }
}

#[target_feature(enable = "neon,dotprod")]
unsafe fn run<const M: usize, const H: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    // SAFETY: as the caller promises.
    unsafe { a64::run::<Signed, M, H>(t, w, column) }
}

macro_rules! by_rows {
    ($halves:literal: $($m:literal)*) => {
        Tiles { panels: 1, by_rows: &[$(run::<$m, $halves> as TileFn),*] }
    };
}

/// 5×16, or 5×8 where a panel is half full.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_5x16__neondot",
    isa: Isa::NeonDot,
    tiles: &[by_rows!(4: 1 2 3 4 5)],
    tall: 0,
    half: &[by_rows!(2: 1 2 3 4 5)],
    widen: None,
    shift: Some(a64::shift::<false>),
};
