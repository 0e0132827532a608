//! Works off tiles: as many together as there is room for.

use core::ops::Range;

use super::transform::{Finish, Patch};
use super::{GROUP, POINTS, SPAN, TILE, WinogradKernel, scratch_len};
use crate::activation::Function;
use crate::conv_f32::{Conv, Shape};
use crate::gemm_f32::{GemmKernel, PANEL, Part, Product, Store, TASK_MACS, apply_activation, run_part};
use crate::parallel::share;
use crate::window::Axis;
use crate::{Rows, RowsMut};

/// A convolution, ready to run in parts.
pub(super) struct Job<'a> {
    kernel: &'a WinogradKernel,
    gemm: &'a GemmKernel,
    shape: Shape,
    x: Rows<'a, f32>,
    w: *const f32,
    /// Of the first pixel.
    store: Store,
    /// What is left to apply when pixels are stored.
    activation: Option<Function>,
    /// Tiles along the height and the width.
    tiles: [usize; 2],
}

// SAFETY: addresses of plain elements; tasks write different ones.
unsafe impl Sync for Job<'_> {}

impl<'a> Job<'a> {
    pub(super) fn new(
        kernel: &'a WinogradKernel,
        gemm: &'a GemmKernel,
        conv: &Conv<'a>,
        y: &mut RowsMut<'_, f32>,
    ) -> Self {
        let Conv { shape, x, w, bias, residual, activation } = *conv;
        let clamp = activation.as_clamp();
        let (low, high) = clamp.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let store = Store {
            bias: bias.map_or(core::ptr::null(), <[f32]>::as_ptr),
            residual: residual.map_or(core::ptr::null(), |r| r.as_ptr()),
            residual_pitch: residual.map_or(0, |r| r.pitch() as isize),
            low,
            high,
            ..plain(y.as_ptr(), y.pitch(), shape.outputs)
        };
        let activation = if clamp.is_some() { None } else { Some(activation) };
        let tiles = [shape.vertical, shape.horizontal].map(|axis| axis.output.div_ceil(TILE));
        Self { kernel, gemm, shape, x, w: w.as_ptr(), store, activation, tiles }
    }

    /// All tiles.
    fn count(&self) -> usize {
        self.shape.batch * self.tiles[0] * self.tiles[1]
    }

    /// Into how many tasks to split the tiles, with room for one tile at least for each.
    pub(super) fn tasks(&self, scratch: usize, threads: usize) -> usize {
        let Shape { channels, outputs, .. } = self.shape;
        let macs = self.count().saturating_mul(POINTS * channels * outputs);
        threads.min(macs / TASK_MACS).min(self.count()).min(scratch / scratch_len(channels, outputs)).max(1)
    }

    /// Computes the tiles of a task.
    ///
    /// # Safety
    /// The addresses given to [`Job::new`] are valid for what the sizes tell, nothing else touches the tiles' pixels of
    /// y meanwhile, nor the `room` elements of scratch, which hold a tile at least, and the processor has the kernels'
    /// instruction sets.
    pub(super) unsafe fn run(&self, task: usize, tasks: usize, scratch: *mut f32, room: usize) {
        let Shape { channels, outputs, .. } = self.shape;
        let own = share(self.count(), 1, task, tasks);
        let blocks = own.len().div_ceil(room / scratch_len(channels, outputs));
        for block in 0..blocks {
            let block = share(own.len(), 1, block, blocks);
            let (first, count) = (own.start + block.start, block.len());
            // SAFETY: a block has no more tiles than there is room for: patches, then sums of a group.
            unsafe {
                let sums = scratch.add(count * POINTS * channels);
                for i in 0..count {
                    self.take(first + i, scratch.add(i * POINTS * channels));
                }
                for output in (0..outputs).step_by(GROUP) {
                    let group = output..(output + GROUP).min(outputs);
                    self.multiply(count, &group, scratch, sums);
                    for i in 0..count {
                        self.give(first + i, &group, sums.add(i * POINTS * group.len()));
                    }
                }
            }
        }
    }

    /// Image, first line and first column of a tile.
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.tiles;
        let (line, column) = (tile / across, tile % across);
        [line / down, line % down * TILE, column * TILE]
    }

    /// Transforms the patch of a tile.
    unsafe fn take(&self, tile: usize, out: *mut f32) {
        let (v, h) = (&self.shape.vertical, &self.shape.horizontal);
        let [image, line, column] = self.place(tile);
        let inside = |axis: &Axis, o: usize| {
            let at = |i: usize| (i as isize - axis.first(o)).clamp(0, SPAN as isize) as usize;
            at(0)..at(axis.input)
        };
        let pitch = self.x.pitch() as isize;
        let lines = (image * v.input) as isize + v.first(line);
        // Padding may reach beyond what can be addressed.
        let first = lines.wrapping_mul(h.input as isize).wrapping_add(h.first(column)).wrapping_mul(pitch);
        let patch = Patch {
            x: self.x.as_ptr().wrapping_offset(first),
            pitches: [pitch * h.input as isize, pitch],
            inside: [inside(v, line), inside(h, column)],
            channels: self.shape.channels,
            out,
        };
        // SAFETY: pixels inside the image are those of x; `out` has room, as the caller promises.
        unsafe { (self.kernel.input)(&patch) };
    }

    /// Multiplies each point's rows of so many patches with its weights for a group of output channels.
    unsafe fn multiply(&self, count: usize, group: &Range<usize>, patches: *const f32, sums: *mut f32) {
        let Shape { channels, outputs, .. } = self.shape;
        let (cols, panels) = (group.len(), group.len() / PANEL);
        for point in 0..POINTS {
            // SAFETY: patches, weights and sums of a point are there, as the caller promises; nothing else touches the
            // sums meanwhile.
            unsafe {
                let product = Product {
                    m: count,
                    k: channels,
                    n: cols,
                    x: patches.add(point * channels),
                    x_pitch: (POINTS * channels) as isize,
                    w: self.w.add((point * outputs + group.start) * channels),
                    panel: channels * PANEL,
                    step: PANEL as isize,
                    store: plain(sums.add(point * cols), POINTS * cols, cols),
                    activation: Function::IDENTITY,
                };
                run_part(self.gemm, &product, Part { rows: 0..count, panels: 0..panels });
            }
        }
    }

    /// Makes a group of a tile's output channels of their sums.
    unsafe fn give(&self, tile: usize, group: &Range<usize>, sums: *const f32) {
        let (v, h) = (&self.shape.vertical, &self.shape.horizontal);
        let [image, line, column] = self.place(tile);
        let size = [(v.output - line).min(TILE), (h.output - column).min(TILE)];
        let width = h.output as isize;
        // SAFETY: the tile's pixels are those of y and the residual.
        unsafe {
            let first = (image * v.output + line) * h.output + column;
            let store = Store { cols: group.len(), ..self.store.at(first, group.start) };
            let lines = [store.y_pitch * width, store.residual_pitch * width];
            (self.kernel.output)(&Finish { sums, size, store, lines });
            let Some(f) = &self.activation else { return };
            for i in 0..size[0] {
                let store = store.at(i * h.output, 0);
                apply_activation(self.gemm, f, &store, size[1], 0..group.len() / PANEL);
            }
        }
    }
}

/// Sums as they are.
fn plain(y: *mut f32, pitch: usize, cols: usize) -> Store {
    Store {
        alpha: 1.0,
        bias: core::ptr::null(),
        residual: core::ptr::null(),
        residual_pitch: 0,
        y,
        y_pitch: pitch as isize,
        cols,
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
    }
}
