//! Walks a product in tiles.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::tile::{MAX_SUMS, Store, Tile, TileFn, Tiles};
use super::{GemmKernel, PANEL, QUAD};
use crate::gemm_f32::Part;
use crate::sight::{MAX_ROWS, Prepared, Segment};

/// Bytes of weights that are kept in the second-level cache while the rows pass by.
const WEIGHTS_BLOCK: usize = 512 * 1024;

/// Bytes of weights that stay in the first-level cache between being summed up and being multiplied with few rows.
const NEAR_BLOCK: usize = 16 * 1024;

/// Panels whose sums begin with something else than the bias that there is room for.
const SHIFTED: usize = if cfg!(target_arch = "aarch64") { 32 } else { 1 };

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
    /// Rows of a tile that begins with `row`, at least one, and at most `high` and `left`.
    fn tile(&mut self, row: usize, high: usize, left: usize) -> usize;
    /// Turns to `rows` rows from `row` on, no more than a tile has.
    fn place(&mut self, row: usize, rows: usize);
    /// Prepares segments from `begin` on, as many as there is room for.
    fn prepare(&mut self, begin: usize) -> Prepared;
    /// What was prepared.
    fn segments(&self) -> *const Segment<u8>;
    /// Segments of a whole sum.
    fn count(&self) -> usize;
    /// Quads of a run of neighbouring elements: each segment begins with the run or an even number of quads after it.
    fn run(&self) -> usize;
    /// Whether elements were widened as the kernel wants, so that what is prepared counts bytes. All is then prepared at
    /// once, and rows of a tile lie as far apart from each other.
    fn is_wide(&self) -> bool;
}

impl GemmKernel {
    /// The micro-kernels for the most panels, of so many, that suit the number of rows, and those for fewer panels.
    pub(super) fn tiles_for(&self, rows: usize, panels: usize) -> &'static [Tiles] {
        let suits = |(i, t): (usize, &Tiles)| t.panels <= panels && (i >= self.tall || t.by_rows.len() >= rows);
        let at = self.tiles.iter().enumerate().position(suits);
        &self.tiles[at.unwrap_or(self.tiles.len() - 1)..]
    }

    /// How many panels of so many bytes stay in a cache while `rows` rows pass by in tiles of `high` rows and `wide` panels.
    pub(super) fn block(&self, panel_len: usize, rows: usize, high: usize, wide: usize) -> usize {
        let bytes = if self.shift.is_some() && rows <= high { NEAR_BLOCK } else { WEIGHTS_BLOCK };
        let block = (bytes / panel_len.max(1)).max(1);
        if self.shift.is_some() { block.min(SHIFTED) } else { block.next_multiple_of(wide) }
    }

    /// The micro-kernels for the last panels, where only the first half of the last one has columns below `cols`.
    fn half_for(&self, panels: Range<usize>, cols: usize) -> Option<&'static Tiles> {
        let is_half = panels.end * PANEL >= cols + PANEL / 2;
        // Others than the last are best taken four or two at a time.
        let wanted = if panels.len().is_multiple_of(2) { 2 } else { 1 };
        let half = self.half.iter().find(|half| half.panels == wanted).or(self.half.first());
        half.filter(|_| is_half)
    }
}

/// What the sums of some panels begin with.
pub(super) struct Starts(MaybeUninit<[i32; SHIFTED * PANEL]>);

impl Starts {
    pub(super) fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// What sums of the panels begin with, as an address of column 0; the last one that was given is no longer valid.
    ///
    /// # Safety
    /// Weights, each panel's `quads` in runs of so many, and bias are there for the panels, which are no more than
    /// [`GemmKernel::block`] tells, and the processor has the kernel's instruction set.
    pub(super) unsafe fn of(
        &mut self,
        kernel: &GemmKernel,
        (w, quads, run): (*const i8, usize, usize),
        bias: *const i32,
        panels: Range<usize>,
    ) -> *const i32 {
        let Some(shift) = kernel.shift else { return bias };
        let room = self.0.as_mut_ptr().cast::<i32>();
        for (i, panel) in panels.clone().enumerate() {
            // SAFETY: as the caller promises; there is room for a block's panels.
            unsafe {
                let w = w.add(panel * quads * PANEL * QUAD);
                shift(w, quads, run, bias.add(panel * PANEL), room.add(i * PANEL));
            }
        }
        room.wrapping_sub(panels.start * PANEL)
    }
}

/// Computes a part, on the calling thread.
///
/// # Safety
/// The product's addresses are valid as [`Product`] says, rows and panels are its own, nothing else touches the part's
/// elements of y meanwhile, and the processor has the kernel's instruction set.
pub(crate) unsafe fn run_part<S: Sights>(p: &Product<'_>, part: Part, sight: &mut S) {
    let half = p.kernel.half_for(part.panels.clone(), p.store.cols);
    let whole = part.panels.len() - half.map_or(0, |half| half.panels);
    let tiles = if whole > 0 { p.kernel.tiles_for(part.rows.len(), whole) } else { &[] };
    let widest = tiles.first().or(half).unwrap_or(&p.kernel.tiles[0]);
    let high = widest.by_rows.len();
    let panel_len = p.quads * PANEL * QUAD;
    let block = p.kernel.block(panel_len, part.rows.len(), high, widest.panels);
    let mut starts = Starts::new();
    let mut offsets = [0; MAX_ROWS];
    let mut first = part.panels.start;
    while first < part.panels.end {
        let panels = first..(first + block).min(part.panels.end);
        let half = half.filter(|half| panels.end == part.panels.end && panels.len() >= half.panels);
        let mut row = part.rows.start;
        let mut tile = Tile {
            segments: sight.segments(),
            count: 0,
            is_wide: sight.is_wide(),
            panel: panel_len,
            before: core::ptr::null(),
            after: core::ptr::null_mut(),
            offsets: core::ptr::null(),
            store: p.store,
        };
        // SAFETY: rows and panels are those of the part, as the caller promises.
        unsafe {
            tile.store.bias = starts.of(p.kernel, (p.w, p.quads, sight.run()), p.store.bias, panels.clone());
            tile.store.advance(row);
        }
        while row < part.rows.end {
            let rows = sight.tile(row, high, part.rows.end - row);
            sight.place(row, rows);
            // SAFETY: as before.
            unsafe {
                if p.w_zero != 0 {
                    sum_up(p.w_zero, rows, sight, &mut offsets);
                    tile.offsets = offsets.as_ptr();
                }
                run_tiles(p, (tiles, half), rows, panels.clone(), &mut tile, sight);
                look_up(&tile.store, rows, panels.clone());
                tile.store.advance(rows);
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
#[inline(always)]
unsafe fn run_tiles<S: Sights>(
    p: &Product<'_>,
    (tiles, half): (&[Tiles], Option<&Tiles>),
    rows: usize,
    panels: Range<usize>,
    tile: &mut Tile<'_>,
    sight: &mut S,
) {
    let prepared = sight.prepare(0);
    tile.count = prepared.end;
    let whole = prepared.end == sight.count();
    let mut panel = panels.start;
    let end_of_whole = panels.end - half.map_or(0, |half| half.panels);
    for (group, end) in tiles.iter().map(|t| (t, end_of_whole)).chain(half.map(|half| (half, panels.end))) {
        let run = group.by_rows[rows - 1];
        while panel + group.panels <= end {
            let (w, column) = (p.w.wrapping_add(panel * tile.panel), panel * PANEL);
            // SAFETY: the panels are those of the product, and prepared segments are valid.
            unsafe {
                if whole {
                    run(tile, w, column, group.panels);
                } else {
                    run_in_stretches((run, group.panels), w, column, tile, sight);
                }
            }
            panel += group.panels;
        }
    }
}

/// Computes a tile of more segments than can be prepared at once.
///
/// # Safety
/// As [`run_part`].
#[cold]
#[inline(never)]
unsafe fn run_in_stretches<S: Sights>(
    (run, panels): (TileFn, usize),
    mut w: *const i8,
    column: usize,
    tile: &mut Tile<'_>,
    sight: &mut S,
) {
    let mut sums = MaybeUninit::<[i32; MAX_SUMS]>::uninit();
    let sums = sums.as_mut_ptr().cast::<i32>();
    let mut prepared = sight.prepare(0);
    // SAFETY: as the caller promises; there is room for the sums of any tile.
    unsafe {
        loop {
            tile.count = prepared.end - prepared.begin;
            if prepared.end == sight.count() {
                break;
            }
            tile.after = sums;
            run(tile, w, column, panels);
            tile.before = sums;
            w = w.add(quads(tile) * PANEL * QUAD);
            prepared = sight.prepare(prepared.end);
        }
        tile.after = core::ptr::null_mut();
        run(tile, w, column, panels);
    }
    tile.before = core::ptr::null();
}

/// Quads of a tile's segments.
///
/// # Safety
/// They are there.
unsafe fn quads(tile: &Tile<'_>) -> usize {
    // SAFETY: as the caller promises.
    (0..tile.count).map(|i| unsafe { (*tile.segments.add(i)).len }.div_ceil(QUAD)).sum()
}

/// Computes what the zero point of the weights adds to the sums of each row: −w_zero·Σ x.
///
/// # Safety
/// The rows have been placed.
#[cold]
pub(super) unsafe fn sum_up<S: Sights>(w_zero: i32, rows: usize, sight: &mut S, offsets: &mut [i32; MAX_ROWS]) {
    offsets.fill(0);
    let mut begin = 0;
    while begin < sight.count() {
        let prepared = sight.prepare(begin);
        for i in 0..prepared.end - begin {
            // SAFETY: prepared segments are valid for their elements.
            unsafe {
                let segment = &*sight.segments().add(i);
                for (offset, x) in offsets[..rows].iter_mut().zip(&*segment.rows) {
                    let x = x.add(segment.offset);
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
pub(crate) unsafe fn look_up(store: &Store<'_>, rows: usize, panels: Range<usize>) {
    let how = store.how;
    // SAFETY: the table is there where it is not null.
    let Some(table) = (unsafe { how.table.as_ref() }) else { return };
    let first = panels.start * PANEL;
    let cols = (panels.end * PANEL).min(store.cols) - first;
    // Rows without gaps are one line.
    let (lines, len) = if how.y_pitch == cols { (1, rows * cols) } else { (rows, cols) };
    for line in 0..lines {
        // SAFETY: bytes of the part. Owning a kernel that looks up proves that the processor has its instruction set.
        unsafe {
            let y = store.y.add(line * how.y_pitch + first);
            (how.look_up.line)(table, y, y, len);
        }
    }
}
