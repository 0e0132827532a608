//! Works off tiles: as many together as there is room for.

use core::ops::Range;

use super::transform::Finish;
use super::{GROUP, WinogradKernel, scratch_len};
use crate::RowsMut;
use crate::activation::Function;
use crate::conv_f32::{Conv, Shape};
use crate::gemm_f32::{GemmKernel, PANEL, Part, Product, Store, apply_activation, run_part};
use crate::winograd::{Grid, POINTS};

/// A convolution, ready to run in parts.
pub(super) struct Job<'a> {
    kernel: &'a WinogradKernel,
    gemm: &'a GemmKernel,
    pub(super) grid: Grid<'a, f32>,
    w: *const f32,
    /// Of the first pixel.
    store: Store,
    /// What is left to apply when pixels are stored.
    activation: Option<Function>,
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
        let grid = Grid::new(shape, x, 0.0, PANEL);
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
        Self { kernel, gemm, grid, w: w.as_ptr(), store, activation }
    }

    /// Computes the tiles of a task.
    ///
    /// # Safety
    /// The addresses given to [`Job::new`] are valid for what the sizes tell, nothing else touches the tiles' pixels of
    /// y meanwhile, nor the `room` elements of scratch, which hold a tile at least, and the processor has the kernels'
    /// instruction sets.
    pub(super) unsafe fn run(&self, task: usize, tasks: usize, scratch: *mut f32, room: usize) {
        let Shape { channels, outputs, .. } = self.grid.shape;
        self.grid.for_each_block(task, tasks, room / scratch_len(channels, outputs), |block| {
            let (first, count) = (block.start, block.len());
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
        });
    }

    /// Transforms the patch of a tile.
    unsafe fn take(&self, tile: usize, out: *mut f32) {
        // SAFETY: pixels inside the image are those of x; `out` has room, as the caller promises.
        unsafe { (self.kernel.input)(&self.grid.patch(tile, out)) };
    }

    /// Multiplies each point's rows of so many patches with its weights for a group of output channels.
    unsafe fn multiply(&self, count: usize, group: &Range<usize>, patches: *const f32, sums: *mut f32) {
        let Shape { channels, outputs, .. } = self.grid.shape;
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
        let (first, size) = self.grid.pixels(tile);
        let columns = self.grid.shape.horizontal.output;
        // SAFETY: the tile's pixels are those of y and the residual.
        unsafe {
            let store = Store { cols: group.len(), ..self.store.at(first, group.start) };
            let lines = [store.y_pitch, store.residual_pitch].map(|pitch| pitch * columns as isize);
            (self.kernel.output)(&Finish { sums, size, store, lines });
            let Some(f) = &self.activation else { return };
            for i in 0..size[0] {
                let store = store.at(i * columns, 0);
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
