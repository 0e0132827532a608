//! Runs a plan on Arm's MPS2 with a Cortex-M4F, as QEMU emulates it.
#![no_std]
#![no_main]

use board_support::Board;

/// With its first UART.
const BOARD: Board = Board { uart: 0x4000_4000 };

board_support::firmware!(BOARD);
