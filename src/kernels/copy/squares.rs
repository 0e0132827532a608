//! Blocks of whole vectors: rows, and squares that are transposed in registers.

use super::{Block, generic};
use crate::Element;
use crate::lanes::Lanes;

/// Elements from which on the system copies a row faster.
const LONG: usize = 1024;

/// Copies rows. Those of at least a vector end with one that overlaps its forerunner: source and target share nothing,
/// so that writing twice is harmless.
///
/// # Safety
/// As for [`super::CopyKernel::rows`], and as for the methods of [`Lanes`].
#[inline(always)]
pub(super) unsafe fn rows<V: Lanes>(block: &Block<u32>) {
    let cols = block.cols;
    for r in 0..block.rows as isize {
        // SAFETY: `i + N` is at most `cols`; shorter rows are copied element by element.
        unsafe {
            let (x, y) = (block.x.offset(r * block.x_pitch), block.y.offset(r * block.y_pitch));
            if cols > LONG {
                core::ptr::copy_nonoverlapping(x, y, cols);
                continue;
            }
            if cols < V::N {
                for i in 0..cols {
                    y.add(i).write(x.add(i).read());
                }
                continue;
            }
            let (x, y) = (x.cast::<f32>(), y.cast::<f32>());
            let mut i = 0;
            while i + V::N <= cols {
                V::load(x.add(i)).store(y.add(i));
                i += V::N;
            }
            if i < cols {
                V::load(x.add(cols - V::N)).store(y.add(cols - V::N));
            }
        }
    }
}

/// A square that fits the registers of an instruction set, a type so that its code is inlined where the set is enabled.
pub(super) trait Square {
    type Element: Element;
    /// Rows and columns.
    const SIDE: usize;
    /// Rows that are worked off together.
    const ROWS: usize;

    /// # Safety
    /// As for [`super::CopyKernel::transpose`]; the block is a square.
    unsafe fn transpose(block: &Block<Self::Element>);
}

/// Transposes a block: what is no whole square element by element.
///
/// # Safety
/// As for [`super::CopyKernel::transpose`].
#[inline(always)]
pub(super) unsafe fn transpose<S: Square>(block: &Block<S::Element>) {
    let side = S::SIDE;
    let (whole_rows, whole_cols) = (block.rows / side * side, block.cols / side * side);
    // SAFETY: each part has elements of the block alone.
    unsafe {
        let mut top = 0;
        while top < whole_rows {
            let bottom = whole_rows.min(top + S::ROWS);
            for c in (0..whole_cols).step_by(side) {
                for r in (top..bottom).step_by(side) {
                    S::transpose(&block.part(r, c, side, side));
                }
            }
            top = bottom;
        }
        if whole_cols < block.cols {
            generic::transpose(&block.part(0, whole_cols, whole_rows, block.cols - whole_cols));
        }
        if whole_rows < block.rows {
            generic::transpose(&block.part(whole_rows, 0, block.rows - whole_rows, block.cols));
        }
    }
}
