//! Portable Rust.

use super::{Block, CopyKernel, strided};
use crate::walk::Tile;
use crate::{Element, Isa};

unsafe fn rows(block: &Block<u32>) {
    let tile = tile(block, [block.y_pitch, block.x_pitch], [1, 1]);
    // SAFETY: the tile has the block's elements.
    unsafe { strided::copy(block.x, block.y, &tile) }
}

pub(super) unsafe fn transpose<T: Element>(block: &Block<T>) {
    let tile = tile(block, [block.y_pitch, 1], [1, block.x_pitch]);
    // SAFETY: the tile has the block's elements.
    unsafe { strided::copy(block.x, block.y, &tile) }
}

fn tile<T>(block: &Block<T>, row: [isize; 2], col: [isize; 2]) -> Tile<2> {
    Tile { rows: block.rows, cols: block.cols, offset: [0; 2], row, col }
}

/// One element at a time.
pub static KERNEL: CopyKernel =
    CopyKernel { name: "copy__generic", isa: Isa::Generic, rows, transpose, transpose_bytes: transpose };
