//! Elements of any size, any strides.

use crate::Element;
use crate::walk::Tile;

/// Side of the squares in which a tile is walked whose rows are not contiguous on both sides, so that lines of the
/// cache are used up before they are dropped.
const SQUARE: usize = 16;

/// # Safety
/// The elements of `tile`, counted from `x` and `y`, are valid to read and to write respectively and share no byte.
pub(super) unsafe fn copy<T: Element>(x: *const T, y: *mut T, tile: &Tile<2>) {
    let ([y_row, x_row], [y_col, x_col]) = (tile.row, tile.col);
    // SAFETY: rows and columns stay below the tile's.
    unsafe {
        if x_col == 1 && y_col == 1 && tile.cols > 1 {
            for r in 0..tile.rows as isize {
                core::ptr::copy_nonoverlapping(x.offset(r * x_row), y.offset(r * y_row), tile.cols);
            }
        } else if x_col == 0 {
            for r in 0..tile.rows as isize {
                fill(y.offset(r * y_row), y_col, tile.cols, x.offset(r * x_row).read());
            }
        } else {
            squares(x, y, tile);
        }
    }
}

/// # Safety
/// `len` elements from `y` on, `step` apart, are valid to write.
unsafe fn fill<T: Element>(y: *mut T, step: isize, len: usize, value: T) {
    // SAFETY: as the caller promises.
    unsafe {
        if step == 1 {
            for i in 0..len {
                y.add(i).write(value);
            }
        } else {
            for i in 0..len as isize {
                y.offset(i * step).write(value);
            }
        }
    }
}

/// # Safety
/// As for [`copy`].
unsafe fn squares<T: Element>(x: *const T, y: *mut T, tile: &Tile<2>) {
    let ([y_row, x_row], [y_col, x_col]) = (tile.row, tile.col);
    let mut top = 0;
    while top < tile.rows {
        let bottom = tile.rows.min(top + SQUARE);
        let mut left = 0;
        while left < tile.cols {
            let right = tile.cols.min(left + SQUARE);
            for r in top as isize..bottom as isize {
                for c in left as isize..right as isize {
                    // SAFETY: rows and columns stay below the tile's.
                    unsafe { y.offset(r * y_row + c * y_col).write(x.offset(r * x_row + c * x_col).read()) }
                }
            }
            left = right;
        }
        top = bottom;
    }
}
