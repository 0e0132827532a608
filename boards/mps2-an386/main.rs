//! Runs a plan on Arm's MPS2 with a Cortex-M4F, as QEMU emulates it.
#![no_std]
#![no_main]

use board_support::{Aligned, Board, Image};
use cortex_m_rt::entry;

#[allow(dead_code, reason = "a firmware needs few of the constants")]
mod model {
    include!(concat!(env!("OUT_DIR"), "/model.rs"));
}

static PLAN: Aligned<[u8; model::PLAN_BYTES]> = Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.plan")));

/// Its first UART.
const BOARD: Board = Board { uart: 0x4000_4000 };

#[entry]
fn main() -> ! {
    static mut MEMORY: Aligned<[u8; model::MEMORY_BYTES]> = Aligned([0; model::MEMORY_BYTES]);
    board_support::run(&BOARD, Image { plan: &PLAN.0, memory: &mut MEMORY.0, resolver: model::RESOLVER })
}
