//! Moving elements between strided tensors.
//!
//! Elements are bytes of one size to a copy; kernels differ in how they move rows of 32-bit elements, and how they
//! transpose these and single bytes.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod squares;
mod strided;
#[cfg(test)]
mod tests;

use crate::walk::{Tile, loops_of};
use crate::{Element, Isa, Parallel, View, ViewMut};

crate::kernels! { CopyKernel:
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// A kernel that copies.
#[derive(Debug)]
pub struct CopyKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Copies rows of contiguous elements.
    ///
    /// # Safety
    /// All elements of `block` are valid to read and to write respectively and share no byte; the processor has the
    /// kernel's instruction set.
    pub rows: unsafe fn(block: &Block<u32>),
    /// y[r, c] = x[c, r]: what is a row of `y` is a column of `x`.
    ///
    /// # Safety
    /// As for `rows`.
    pub transpose: unsafe fn(block: &Block<u32>),
    /// The same of bytes.
    ///
    /// # Safety
    /// As for `rows`.
    pub transpose_bytes: unsafe fn(block: &Block<u8>),
}

/// Elements to be moved; pitches are in elements.
#[derive(Clone, Copy, Debug)]
pub struct Block<T> {
    /// First element to read.
    pub x: *const T,
    /// From one row of `x` to the next.
    pub x_pitch: isize,
    /// First element to write.
    pub y: *mut T,
    /// From one row of `y` to the next.
    pub y_pitch: isize,
    /// Rows of `y`.
    pub rows: usize,
    /// Columns of `y`.
    pub cols: usize,
}

impl CopyKernel {
    /// y = x, of any strides. Dimensions are best merged by [`crate::Loops::merged`] beforehand, with `y` as the first
    /// operand.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn run<T: Element>(&self, x: &View<'_, T>, y: &mut ViewMut<'_, T>, parallel: &dyn Parallel) {
        let mut loops = loops_of!(y, x);
        let last = loops.dims().len().saturating_sub(1);
        if loops.strides(1).nth(last) != Some(1) {
            let neighbours = loops.strides(1).take(last).position(|stride| stride == 1);
            loops.bring_to_rows(neighbours.unwrap_or(last));
        }
        loops.each(parallel, &|tile| {
            // SAFETY: a tile of the loops addresses elements of the two views, which share none.
            unsafe { self.tile(x.as_ptr(), y.as_ptr(), tile) }
        });
    }

    /// # Safety
    /// The tile's elements are valid, those of `x` to read and those of `y` to write, and share no byte.
    unsafe fn tile<T: Element>(&self, x: *const T, y: *mut T, tile: &Tile<2>) {
        let ([_, x_row], [y_col, x_col]) = (tile.row, tile.col);
        let contiguous = x_col == 1 && y_col == 1 || tile.cols == 1;
        let transposed = x_row == 1 && y_col == 1;
        // SAFETY: as the caller promises; a block is the tile, in elements of its size.
        unsafe {
            let (x, y) = (x.offset(tile.offset[1]), y.offset(tile.offset[0]));
            match size_of::<T>() {
                4 if contiguous && tile.cols > 1 => (self.rows)(&Block::new(x.cast(), x_row, y.cast(), tile)),
                4 if transposed && !contiguous && x_col != 0 => {
                    (self.transpose)(&Block::new(x.cast(), x_col, y.cast(), tile));
                }
                1 if transposed && !contiguous && x_col != 0 => {
                    (self.transpose_bytes)(&Block::new(x.cast(), x_col, y.cast(), tile));
                }
                _ => strided::copy(x, y, tile),
            }
        }
    }
}

impl<T> Block<T> {
    /// A tile that begins at `x` and `y`.
    fn new(x: *const T, x_pitch: isize, y: *mut T, tile: &Tile<2>) -> Self {
        Self { x, x_pitch, y, y_pitch: tile.row[0], rows: tile.rows, cols: tile.cols }
    }

    /// The part of a block to be transposed that begins at row `r` and column `c` of `y`, which are not past its ends.
    ///
    /// # Safety
    /// The block's elements are valid to read and to write respectively.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    unsafe fn part(&self, r: usize, c: usize, rows: usize, cols: usize) -> Self {
        // SAFETY: the caller stays inside the block.
        unsafe {
            Self {
                x: self.x.offset(c as isize * self.x_pitch).add(r),
                y: self.y.offset(r as isize * self.y_pitch).add(c),
                rows,
                cols,
                ..*self
            }
        }
    }
}
