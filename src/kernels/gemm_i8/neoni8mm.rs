//! aarch64 with the 8-bit matrix instructions, among which is a dot product of unsigned bytes with signed weights.

use core::arch::aarch64::*;
use core::arch::asm;

use super::GemmKernel;
use super::a64::{self, Dot};
use super::tile::{Tile, TileFn, Tiles};
use crate::Isa;

struct Mixed;

impl Dot for Mixed {
    const FLIP: u8 = 0;

    #[inline(always)]
    unsafe fn dot<const LANE: usize>(sum: int32x4_t, w: int8x16_t, x: uint8x16_t) -> int32x4_t {
        let mut sum = sum;
        // SAFETY: the instruction reads and writes registers alone; the processor has it, as the caller promises.
        unsafe {
            asm!("sudot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]", inout(vreg) sum, in(vreg) w, in(vreg) x, const LANE,
                options(pure, nomem, nostack, preserves_flags));
        }
        sum
    }
}

#[target_feature(enable = "neon,dotprod,i8mm")]
unsafe fn run<const M: usize, const H: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    // SAFETY: as the caller promises.
    unsafe { a64::run::<Mixed, M, H>(t, w, column) }
}

macro_rules! by_rows {
    ($halves:literal: $($m:literal)*) => {
        Tiles { panels: 1, by_rows: &[$(run::<$m, $halves> as TileFn),*] }
    };
}

/// 6×16, or 6×8 where a panel is half full.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_6x16__neoni8mm",
    isa: Isa::NeonI8mm,
    tiles: &[by_rows!(4: 1 2 3 4 5 6)],
    tall: 0,
    half: &[by_rows!(2: 1 2 3 4 5 6)],
    widen: None,
    shift: None,
};
