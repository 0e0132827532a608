//! Tiles of output pixels by output channels, whose rows point into the input.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::Shape;
use crate::Rows;
use crate::activation::Function;
use crate::gemm_f32::{GemmKernel, MAX_SUMS, PANEL, Part, Store, Tile, Tiles, apply_activation};
use crate::sight::{Cursor, Runs, Sight};

/// A convolution, ready to run in parts.
pub(super) struct Job<'a> {
    kernel: &'a GemmKernel,
    runs: Runs,
    x: *const f32,
    w: *const f32,
    /// Of the first group.
    store: Store,
    /// What is left to apply when sums are stored.
    activation: Option<Function>,
}

// SAFETY: addresses of plain elements; parts write different ones.
unsafe impl Sync for Job<'_> {}

/// Room to work in.
struct Room {
    sight: Sight<f32>,
    /// Unfinished sums of a tile.
    sums: MaybeUninit<[f32; MAX_SUMS]>,
}

/// Addresses of a group's operands.
struct Group {
    x: *const f32,
    w: *const f32,
    store: Store,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        kernel: &'a GemmKernel,
        shape: &Shape,
        x: &Rows<'_, f32>,
        w: *const f32,
        store: Store,
        activation: Option<Function>,
    ) -> Self {
        Self { kernel, runs: Runs::new::<f32>(shape, x.pitch(), 1), x: x.as_ptr(), w, store, activation }
    }

    /// Computes a part: pixels by panels, those of all groups being counted.
    ///
    /// # Safety
    /// The addresses given to [`Job::new`] are valid for what the sizes tell, nothing else touches the part's outputs
    /// meanwhile, and the processor has the kernel's instruction set.
    pub(super) unsafe fn run(&self, part: Part) {
        let of_group = self.runs.shape.group_panels();
        let mut room = Room { sight: Sight::new(0.0), sums: MaybeUninit::uninit() };
        let mut first = part.panels.start;
        while first < part.panels.end && !part.rows.is_empty() {
            let (group, panel) = (first / of_group, first % of_group);
            let end = part.panels.end.min((group + 1) * of_group);
            let rows = part.rows.clone();
            // SAFETY: as the caller promises.
            unsafe {
                let part = Part { rows, panels: panel..panel + (end - first) };
                self.run_group(&self.group(group), part, &mut room);
            }
            first = end;
        }
    }

    /// # Safety
    /// The group is one of the convolution's.
    unsafe fn group(&self, group: usize) -> Group {
        let s = &self.runs.shape;
        let (channels, panels) = (s.outputs / s.groups, s.group_panels());
        let mut store = self.store;
        // SAFETY: each group has its channels and panels.
        unsafe {
            store.y = store.y.add(group * channels);
            if !store.residual.is_null() {
                store.residual = store.residual.add(group * channels);
            }
            if !store.bias.is_null() {
                store.bias = store.bias.add(group * panels * PANEL);
            }
            let x = self.x.add(group * (s.channels / s.groups));
            Group { x, w: self.w.add(group * panels * s.depth() * PANEL), store }
        }
    }

    /// Computes a part that has pixels, and panels of one group.
    unsafe fn run_group(&self, group: &Group, part: Part, room: &mut Room) {
        let count = part.rows.len();
        let (widest, tiles) = self.kernel.tiles_for(count);
        let tile_count = count.div_ceil(widest.by_rows.len());
        let block = widest.block(self.runs.shape.depth());
        let mut first = part.panels.start;
        while first < part.panels.end {
            let panels = first..(first + block).min(part.panels.end);
            let mut cursor = Cursor::at(&self.runs.shape, part.rows.start);
            let mut row = part.rows.start;
            for t in 0..tile_count {
                let rows = count / tile_count + usize::from(t < count % tile_count);
                room.sight.place(&self.runs, group.x, rows, &mut cursor);
                // SAFETY: pixels and panels are those of the part.
                unsafe {
                    let store = group.store.at(row, 0);
                    self.run_tiles(tiles, rows, panels.clone(), group.w, &store, room);
                    if let Some(f) = &self.activation {
                        apply_activation(self.kernel, f, &store, rows, panels.clone());
                    }
                }
                row += rows;
            }
            first = panels.end;
        }
    }

    /// Computes a row of tiles, of so many pixels, which have been placed.
    unsafe fn run_tiles(
        &self,
        tiles: &[Tiles],
        rows: usize,
        panels: Range<usize>,
        w: *const f32,
        store: &Store,
        room: &mut Room,
    ) {
        let runs = &self.runs;
        let panel_len = runs.shape.depth() * PANEL;
        let sums = room.sums.as_mut_ptr().cast::<f32>();
        let mut prepared = room.sight.prepare(runs, 0);
        self.kernel.cover(tiles, rows, panels, store.cols, |run, panel, _| {
            if prepared.begin != 0 {
                prepared = room.sight.prepare(runs, 0);
            }
            // SAFETY: the panels are those of the convolution, and prepared segments are valid.
            unsafe {
                let mut tile = Tile {
                    segments: room.sight.segments(),
                    count: prepared.end,
                    w: w.add(panel * panel_len),
                    panel: panel_len,
                    step: PANEL as isize,
                    before: core::ptr::null(),
                    after: core::ptr::null_mut(),
                    store: store.at(0, panel * PANEL),
                };
                while prepared.end < runs.segments {
                    tile.after = sums;
                    run(&tile);
                    tile.before = sums;
                    tile.w = tile.w.add(prepared.len * PANEL);
                    prepared = room.sight.prepare(runs, prepared.end);
                    (tile.segments, tile.count) = (room.sight.segments(), prepared.end - prepared.begin);
                }
                tile.after = core::ptr::null_mut();
                run(&tile);
            }
        });
    }
}
