//! What micro-kernels work on: a tile of rows by columns, its weights in panels of 16 columns.

use super::PANEL;
use crate::requantize::{Epilogue, Requantize, Residual};
use crate::sight::Segment;
use crate::table::{ENTRIES, TableKernel};
use crate::{Rows, RowsMut};

/// Sums that a tile has at most.
pub(crate) const MAX_SUMS: usize = if cfg!(target_pointer_width = "64") { 24 * PANEL } else { 2 * PANEL };

/// What the tiles of some rows work on. What differs between them is passed beside it: a copy made of what was just
/// written in pieces would wait until all before it has retired.
pub(crate) struct Tile<'a> {
    /// `count` stretches, whose weights follow one another, each beginning with a quad.
    pub(crate) segments: *const Segment<u8>,
    pub(crate) count: usize,
    /// Whether elements were widened by the kernel's [`WidenFn`](super::WidenFn): lengths and offsets count bytes, and
    /// rows lie as far apart from each other.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no kernel widens"))]
    pub(crate) is_wide: bool,
    /// Bytes from one panel to the next.
    pub(crate) panel: usize,
    /// Sums of stretches that were worked off before; null at the beginning, when they are bias and offset.
    pub(crate) before: *const i32,
    /// Where sums are left for more stretches to come; null at the end, when they go to `y`.
    pub(crate) after: *mut i32,
    /// For each row, what is added to all its sums; null for nothing.
    pub(crate) offsets: *const i32,
    /// Of column 0.
    pub(crate) store: Store<'a>,
}

/// Where finished sums go.
#[derive(Clone, Copy)]
pub(crate) struct Store<'a> {
    /// Padded to whole panels; of those at hand alone where the kernel shifts it.
    pub(crate) bias: *const i32,
    /// Padded to whole panels.
    pub(crate) multiplier: *const f32,
    /// Null for none.
    pub(crate) residual: *const u8,
    pub(crate) y: *mut u8,
    /// Columns of `y`: the last panel may be partly beyond.
    pub(crate) cols: usize,
    pub(crate) how: &'a How,
}

/// What becomes of finished sums, the same for all tiles.
pub(crate) struct How {
    pub(crate) requantize: Requantize,
    /// Whether the zero point is 0 and the bounds are those of bytes.
    #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
    pub(crate) is_whole: bool,
    pub(crate) residual: Residual,
    pub(crate) residual_pitch: usize,
    pub(crate) y_pitch: usize,
    /// Applied to finished rows; null for none.
    pub(crate) table: *const [u8; ENTRIES],
    pub(crate) look_up: &'static TableKernel,
}

impl How {
    pub(crate) fn new(epilogue: &Epilogue<'_>, y: &RowsMut<'_, u8>) -> Self {
        let none = Residual { scale: 0.0, zero: 0, inner: None };
        Self {
            requantize: epilogue.requantize,
            is_whole: epilogue.requantize == Requantize { zero: 0, low: 0, high: 255 },
            residual: epilogue.residual.map_or(none, |(_, how)| how),
            residual_pitch: epilogue.residual.map_or(0, |(r, _)| r.pitch()),
            y_pitch: y.pitch(),
            table: epilogue.table.map_or(core::ptr::null(), |table| table.as_ptr().cast()),
            look_up: epilogue.look_up,
        }
    }
}

impl<'a> Store<'a> {
    /// Of row 0 and column 0, with so many columns.
    pub(crate) fn new(epilogue: &Epilogue<'_>, y: &mut RowsMut<'_, u8>, how: &'a How, cols: usize) -> Self {
        Self {
            bias: epilogue.bias.as_ptr(),
            multiplier: epilogue.multiplier.as_ptr(),
            residual: epilogue.residual.map_or(core::ptr::null(), |(r, _): (Rows<'_, u8>, _)| r.as_ptr()),
            y: y.as_ptr(),
            cols,
            how,
        }
    }

    /// Moves on by so many rows.
    ///
    /// # Safety
    /// They are there, or the end is.
    #[inline(always)]
    pub(crate) unsafe fn advance(&mut self, rows: usize) {
        // SAFETY: as the caller promises.
        unsafe {
            self.y = self.y.add(rows * self.how.y_pitch);
            if !self.residual.is_null() {
                self.residual = self.residual.add(rows * self.how.residual_pitch);
            }
        }
    }
}

/// A micro-kernel for a fixed number of rows and panels: of a tile, the weights of the first quad of the sum in its first
/// panel, its first column, and the number of its panels.
///
/// # Safety
/// Each segment's rows are valid for reading its `len` elements; the weights of each panel are valid for 64 bytes at
/// every quad of the sum; `before` and `after`, where not null, for rows · panels · 16 elements, `offsets` for the rows;
/// and what `store` addresses for the tile's rows and those of its columns that are below `cols` (bias and multiplier for
/// whole panels), nothing else touching those elements of y meanwhile. The processor has the kernel's instruction set.
pub(crate) type TileFn = unsafe fn(&Tile<'_>, *const i8, usize, usize);

/// The micro-kernels of an instruction set for so many panels, by number of rows.
pub(crate) struct Tiles {
    pub(crate) panels: usize,
    /// For 1, 2, … rows.
    pub(crate) by_rows: &'static [TileFn],
}

/// The last elements of a stretch, 1 to 3, as a quad.
///
/// # Safety
/// They are valid for reading.
#[inline(always)]
pub(crate) unsafe fn tail_quad(x: *const u8, len: usize) -> i32 {
    // SAFETY: as the caller promises. Each byte is read by itself: a loop would become a call.
    unsafe {
        let second = if len > 1 { x.add(1).read() } else { 0 };
        let third = if len > 2 { x.add(2).read() } else { 0 };
        i32::from_le_bytes([x.read(), second, third, 0])
    }
}
