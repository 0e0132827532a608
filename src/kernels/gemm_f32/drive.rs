//! Walks a product in tiles.

use core::ops::Range;

use super::tile::{MAX_SUMS, Store, Tile, TileFn, Tiles};
use super::{GemmKernel, PANEL};
use crate::activation::Function;
use crate::activation_f32;
use crate::parallel::{Parallel, share};
use crate::sight::{MAX_ROWS, Pointers, Segment};

/// Bytes of weights that are kept in the second-level cache while the rows pass by.
const WEIGHTS_BLOCK: usize = 512 * 1024;

/// Elements that are summed up one after another; longer sums are sums of such parts, which rounds off less.
pub(super) const DEPTH: usize = 256;

/// Multiply-accumulates that are worth a task of their own.
pub(crate) const TASK_MACS: usize = 128 * 1024;

/// Multiply-accumulates of a thread that are worth two tasks: one that is held up leaves some to the others.
const TWO_TASKS_MACS: usize = 4 * 1024 * 1024;

/// A product, by address: see [`super::Gemm`].
///
/// Whoever makes one promises that x `[m, k]`, w (16 elements at every step of every panel) and what `store`
/// addresses, for m rows and n columns, are valid while it is in use.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) x: *const f32,
    pub(crate) x_pitch: isize,
    pub(crate) w: *const f32,
    /// Elements from one panel to the next.
    pub(crate) panel: usize,
    /// Elements from one row of a panel to the next.
    pub(crate) step: isize,
    /// Of row 0 and column 0. Its bounds are set where the activation is a clamp.
    pub(crate) store: Store,
    pub(crate) activation: Function,
}

// SAFETY: addresses of plain elements, used as the maker promised; parts write different elements.
unsafe impl Sync for Product {}

/// Rows and panels of a product.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) rows: Range<usize>,
    pub(crate) panels: Range<usize>,
}

/// Splits a product into as many parts as there are threads worth to run them.
pub(crate) fn for_each_part(p: &Product, parallel: &dyn Parallel, run: &(dyn Fn(Part) + Sync)) {
    split([p.m, p.k, p.n.div_ceil(PANEL)], parallel, run);
}

/// Splits rows and panels, with sums of so many elements, into as many parts as there are threads worth to run them.
pub(crate) fn split([m, k, panels]: [usize; 3], parallel: &dyn Parallel, run: &(dyn Fn(Part) + Sync)) {
    if m == 0 || panels == 0 {
        return;
    }
    let macs = m.saturating_mul(k.max(1)).saturating_mul(panels * PANEL);
    let threads = parallel.threads().max(1);
    let wanted = if macs / threads >= TWO_TASKS_MACS { 2 * threads } else { threads };
    let tasks = wanted.min(macs / TASK_MACS).max(1);
    if tasks == 1 {
        return run(Part { rows: 0..m, panels: 0..panels });
    }
    // Whole pairs of panels, and enough rows for high tiles.
    let (by_rows, by_panels) = (m.div_ceil(MAX_ROWS), panels.div_ceil(2));
    if by_rows >= tasks || by_rows >= by_panels {
        let tasks = tasks.min(m);
        parallel.run(tasks, &|t| run(Part { rows: share(m, 1, t, tasks), panels: 0..panels }));
    } else {
        let tasks = tasks.min(by_panels);
        parallel.run(tasks, &|t| run(Part { rows: 0..m, panels: share(panels, 2, t, tasks) }));
    }
}

impl GemmKernel {
    /// The micro-kernels for the most panels that take all of so many rows at once, or else the highest.
    pub(crate) fn tiles_for(&self, rows: usize) -> (&'static Tiles, &'static [Tiles]) {
        let fits = |t: &&Tiles| t.by_rows.len() >= rows.min(self.max_rows());
        let at = self.tiles.iter().position(|t| fits(&t)).unwrap_or(self.tiles.len() - 1);
        (&self.tiles[at], &self.tiles[at..])
    }

    /// Rows of the highest tile.
    pub(crate) fn max_rows(&self) -> usize {
        self.tiles.iter().map(|t| t.by_rows.len()).max().unwrap_or(1)
    }
}

impl Tiles {
    /// Panels, with sums of so many elements, that stay in the second-level cache while the rows pass by.
    pub(crate) fn block(&self, k: usize) -> usize {
        (WEIGHTS_BLOCK / (4 * PANEL * k.max(1))).max(1).next_multiple_of(self.panels)
    }
}

/// Computes a part, on the calling thread. Other families call it for products of their own, from their own tasks.
///
/// # Safety
/// The product's addresses are valid as [`Product`] says, nothing else touches the part's elements of y meanwhile, and
/// the processor has the kernel's instruction set.
pub(crate) unsafe fn run_part(kernel: &GemmKernel, p: &Product, part: Part) {
    // SAFETY: as the caller promises; the rows, panels and results are those of the product.
    unsafe { run_part_by(kernel, p, part, |run, rows, panel, _, store| run_deep(run, p, rows, panel, store)) }
}

/// The same, with `tile` computing the tiles: a micro-kernel, its rows, its first panel, how many panels, and what becomes
/// of the sums.
///
/// # Safety
/// As [`run_part`], for all that `tile` reads of the product.
pub(super) unsafe fn run_part_by(
    kernel: &GemmKernel,
    p: &Product,
    part: Part,
    tile: impl Fn(TileFn, &Segment<f32>, usize, usize, Store),
) {
    let rows = part.rows.len();
    if rows == 0 {
        return;
    }
    let (widest, tiles) = kernel.tiles_for(rows);
    let count = rows.div_ceil(widest.by_rows.len());
    let block = widest.block(p.k);
    let clamp = p.activation.as_clamp();
    let (low, high) = clamp.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
    let mut first = part.panels.start;
    while first < part.panels.end {
        let panels = first..(first + block).min(part.panels.end);
        for t in 0..count {
            let tile_rows = share(rows, 1, t, count);
            let row = part.rows.start + tile_rows.start;
            let mut rows: Pointers<f32> = [core::ptr::null(); MAX_ROWS];
            for (i, x) in rows[..tile_rows.len()].iter_mut().enumerate() {
                // SAFETY: row `row + i` is one of the product's.
                *x = unsafe { p.x.offset((row + i) as isize * p.x_pitch) };
            }
            let segment = Segment { len: p.k, offset: 0, rows: &raw const rows };
            // SAFETY: the rows are those of the part, as the caller promises.
            unsafe {
                let store = Store { low, high, ..p.store.at(row, 0) };
                kernel.cover(tiles, tile_rows.len(), panels.clone(), p.n, |run, panel, count| {
                    tile(run, &segment, panel, count, store.at(0, panel * PANEL));
                });
                if clamp.is_none() {
                    apply_activation(kernel, &p.activation, &store, tile_rows.len(), panels.clone());
                }
            }
        }
        first = panels.end;
    }
}

/// Computes a tile from `panel` on, whose rows are those of `whole`: its sums in parts of [`DEPTH`] elements.
///
/// # Safety
/// As [`TileFn`], for the whole depth of the product.
unsafe fn run_deep(run: TileFn, p: &Product, whole: &Segment<f32>, panel: usize, store: Store) {
    let mut tile = Tile {
        segments: whole,
        count: 1,
        // SAFETY: the panel is one of the product's.
        w: unsafe { p.w.add(panel * p.panel) },
        panel: p.panel,
        step: p.step,
        before: core::ptr::null(),
        after: core::ptr::null_mut(),
        store,
    };
    if p.k <= DEPTH {
        // SAFETY: as the caller promises.
        return unsafe { run(&tile) };
    }
    let (mut sums, mut part) = ([0f32; MAX_SUMS], [0f32; MAX_SUMS]);
    let mut segment = *whole;
    for done in (0..p.k).step_by(DEPTH) {
        segment.len = (p.k - done).min(DEPTH);
        tile.segments = &raw const segment;
        tile.after = part.as_mut_ptr();
        // SAFETY: rows and weights go on for the product's depth, and a tile has no more sums than there is room for.
        unsafe { run(&tile) };
        sums.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
        segment.offset += DEPTH;
        tile.w = tile.w.wrapping_offset(DEPTH as isize * p.step);
    }
    (tile.count, tile.before, tile.after) = (0, sums.as_ptr(), core::ptr::null_mut());
    // SAFETY: no more of the sum is to come; `before` holds a tile's sums.
    unsafe { run(&tile) };
}

impl Store {
    /// The same from this row and column on.
    ///
    /// # Safety
    /// They are there.
    pub(crate) unsafe fn at(&self, row: usize, col: usize) -> Self {
        let to = |pitch: isize| row as isize * pitch + col as isize;
        let mut store = Self { cols: self.cols - col, ..*self };
        // SAFETY: elements of row and column are there, as the caller promises.
        unsafe {
            store.y = self.y.offset(to(self.y_pitch));
            if !self.bias.is_null() {
                store.bias = self.bias.add(col);
            }
            if !self.residual.is_null() {
                store.residual = self.residual.offset(to(self.residual_pitch));
            }
        }
        store
    }
}

impl GemmKernel {
    /// Calls `run` with micro-kernels of so many rows, their first panels and their numbers of panels, so that they cover
    /// `panels`, of which the last ends with column `cols` or before.
    #[inline(always)]
    pub(crate) fn cover(
        &self,
        tiles: &[Tiles],
        rows: usize,
        panels: Range<usize>,
        cols: usize,
        mut run: impl FnMut(TileFn, usize, usize),
    ) {
        let half = self.half.get(rows - 1).filter(|_| cols + PANEL / 2 <= panels.end * PANEL);
        let (mut panel, end) = (panels.start, panels.end - usize::from(half.is_some()));
        for group in tiles {
            while panel + group.panels <= end {
                run(group.by_rows[rows - 1], panel, group.panels);
                panel += group.panels;
            }
        }
        if let Some(&half) = half {
            run(half, panel, 1);
        }
    }
}

/// Applies the activation to finished rows, of the columns of `panels`.
///
/// # Safety
/// `store` addresses so many rows of y, and nothing else touches those columns meanwhile.
pub(crate) unsafe fn apply_activation(
    kernel: &GemmKernel,
    f: &Function,
    store: &Store,
    rows: usize,
    panels: Range<usize>,
) {
    let of_isa = activation_f32::KERNELS.iter().find(|k| k.isa == kernel.isa);
    let Some(activation) = of_isa.or(activation_f32::KERNELS.last()) else { return };
    let (first, end) = (panels.start * PANEL, (panels.end * PANEL).min(store.cols));
    // Rows without gaps are one stretch.
    let (stretches, len) =
        if store.y_pitch == (end - first) as isize { (1, rows * (end - first)) } else { (rows, end - first) };
    for r in 0..stretches {
        // SAFETY: columns below `cols` of rows of y; the kernel's instruction set is there as this kernel's is.
        unsafe {
            let y = store.y.offset(r as isize * store.y_pitch).add(first);
            activation.apply(f, y, y, len);
        }
    }
}
