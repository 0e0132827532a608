//! Walks a product in tiles.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::tile::{MAX_SUMS, Store, Tile, Tiles};
use super::{GemmKernel, PANEL, QUAD};
use crate::gemm_f32::Part;
use crate::sight::{MAX_ROWS, Prepared, Segment};

/// Bytes of weights that are kept in the second-level cache while the rows pass by.
const WEIGHTS_BLOCK: usize = 512 * 1024;

/// A product, by address: panels of weights, and what becomes of the sums.
///
/// Whoever makes one promises that w (64 bytes at every quad of every panel) and what `store` addresses, for all rows and
/// columns, are valid while it is in use.
pub(crate) struct Product<'a> {
    pub(crate) kernel: &'a GemmKernel,
    /// Quads of a sum.
    pub(crate) quads: usize,
    pub(crate) w: *const i8,
    pub(crate) w_zero: i32,
    /// Of row 0 and column 0.
    pub(crate) store: Store<'a>,
}

// SAFETY: addresses of plain elements, used as the maker promised; parts write different elements.
unsafe impl Sync for Product<'_> {}

/// Where the elements of sums lie.
///
/// Whoever implements it promises that prepared segments are valid for reading the elements of the rows placed last, and
/// that all of them together have as many quads as the product.
pub(crate) trait Sights {
    /// Turns to `rows` rows from `row` on, no more than a tile has.
    fn place(&mut self, row: usize, rows: usize);
    /// Prepares segments from `begin` on, as many as there is room for.
    fn prepare(&mut self, begin: usize) -> Prepared;
    /// What was prepared.
    fn segments(&self) -> *const Segment<u8>;
    /// Segments of a whole sum.
    fn count(&self) -> usize;
}

impl GemmKernel {
    /// The micro-kernels for the most panels, of so many, that suit the number of rows, and those for fewer panels.
    fn tiles_for(&self, rows: usize, panels: usize) -> &'static [Tiles] {
        let suits = |(i, t): (usize, &Tiles)| t.panels <= panels && (i >= self.tall || t.by_rows.len() >= rows);
        let at = self.tiles.iter().enumerate().position(suits);
        &self.tiles[at.unwrap_or(self.tiles.len() - 1)..]
    }
}

/// Computes a part, on the calling thread.
///
/// # Safety
/// The product's addresses are valid as [`Product`] says, rows and panels are its own, nothing else touches the part's
/// elements of y meanwhile, and the processor has the kernel's instruction set.
pub(crate) unsafe fn run_part<S: Sights>(p: &Product<'_>, part: Part, sight: &mut S) {
    let (rows, all) = (part.rows.len(), part.panels.len());
    if rows == 0 || all == 0 {
        return;
    }
    let tiles = p.kernel.tiles_for(rows, all);
    let count = rows.div_ceil(tiles[0].by_rows.len());
    let panel_len = p.quads * PANEL * QUAD;
    let block = (WEIGHTS_BLOCK / panel_len.max(1)).max(1).next_multiple_of(tiles[0].panels);
    let mut first = part.panels.start;
    while first < part.panels.end {
        let panels = first..(first + block).min(part.panels.end);
        let mut row = part.rows.start;
        for t in 0..count {
            let rows = rows / count + usize::from(t < rows % count);
            sight.place(row, rows);
            // SAFETY: the rows are those of the part, as the caller promises.
            unsafe {
                let store = p.store.at_row(row);
                run_tiles(p, tiles, rows, panels.clone(), &store, sight);
                look_up(&store, rows, panels.clone());
            }
            row += rows;
        }
        first = panels.end;
    }
}

/// Computes a row of tiles, of rows that have been placed.
///
/// # Safety
/// As [`run_part`].
unsafe fn run_tiles<S: Sights>(
    p: &Product<'_>,
    tiles: &[Tiles],
    rows: usize,
    panels: Range<usize>,
    store: &Store<'_>,
    sight: &mut S,
) {
    let panel_len = p.quads * PANEL * QUAD;
    let mut sums = MaybeUninit::<[i32; MAX_SUMS]>::uninit();
    let sums = sums.as_mut_ptr().cast::<i32>();
    let mut offsets = [0; MAX_ROWS];
    if p.w_zero != 0 {
        // SAFETY: the rows were placed.
        unsafe { add_offsets(p.w_zero, rows, sight, &mut offsets) };
    }
    let mut prepared = sight.prepare(0);
    let mut panel = panels.start;
    for group in tiles {
        while panel + group.panels <= panels.end {
            if prepared.begin != 0 {
                prepared = sight.prepare(0);
            }
            // SAFETY: the panels are those of the product, and prepared segments are valid.
            unsafe {
                let mut tile = Tile {
                    segments: sight.segments(),
                    count: prepared.end,
                    w: p.w.add(panel * panel_len),
                    panel: panel_len,
                    before: core::ptr::null(),
                    after: core::ptr::null_mut(),
                    offsets: if p.w_zero == 0 { core::ptr::null() } else { offsets.as_ptr() },
                    store: store.at_column(panel * PANEL),
                };
                let run = group.by_rows[rows - 1];
                while prepared.end < sight.count() {
                    tile.after = sums;
                    run(&tile);
                    tile.before = sums;
                    tile.w = tile.w.add(quads(&tile) * PANEL * QUAD);
                    prepared = sight.prepare(prepared.end);
                    (tile.segments, tile.count) = (sight.segments(), prepared.end - prepared.begin);
                }
                tile.after = core::ptr::null_mut();
                run(&tile);
            }
            panel += group.panels;
        }
    }
}

/// Quads of a tile's segments.
///
/// # Safety
/// They are there.
unsafe fn quads(tile: &Tile<'_>) -> usize {
    // SAFETY: as the caller promises.
    (0..tile.count).map(|i| unsafe { (*tile.segments.add(i)).len }.div_ceil(QUAD)).sum()
}

/// What the zero point of the weights adds to the sums of each row: −w_zero·Σ x.
///
/// # Safety
/// The rows have been placed.
#[cold]
unsafe fn add_offsets<S: Sights>(w_zero: i32, rows: usize, sight: &mut S, offsets: &mut [i32; MAX_ROWS]) {
    let mut begin = 0;
    while begin < sight.count() {
        let prepared = sight.prepare(begin);
        for i in 0..prepared.end - begin {
            // SAFETY: prepared segments are valid for their elements.
            unsafe {
                let segment = &*sight.segments().add(i);
                for (offset, x) in offsets[..rows].iter_mut().zip(&segment.rows) {
                    let sum = (0..segment.len).map(|k| u32::from(x.add(k).read())).sum::<u32>();
                    *offset = offset.wrapping_sub((sum as i32).wrapping_mul(w_zero));
                }
            }
        }
        begin = prepared.end;
    }
}

/// Looks finished rows up in the table, if there is one.
///
/// # Safety
/// As [`run_part`].
unsafe fn look_up(store: &Store<'_>, rows: usize, panels: Range<usize>) {
    let how = store.how;
    if how.table.is_null() {
        return;
    }
    for r in 0..rows {
        for c in panels.start * PANEL..(panels.end * PANEL).min(store.cols) {
            // SAFETY: a byte of the part, and one of the table's 256.
            unsafe {
                let y = store.y.add(r * how.y_pitch + c);
                y.write(how.table.add(usize::from(y.read())).read());
            }
        }
    }
}
