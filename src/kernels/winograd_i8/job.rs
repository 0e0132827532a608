//! Works off tiles: as many together as there is room for.

use super::transform::Finish;
use super::{Product, WinogradKernel};
use crate::gemm_i8::{PANEL, Store, look_up};
use crate::winograd::{Grid, POINTS};

/// A convolution, ready to run in parts.
pub(super) struct Job<'a> {
    pub(super) kernel: &'a WinogradKernel,
    pub(super) grid: Grid<'a, u8>,
    pub(super) w: *const i16,
    /// Of the first pixel.
    pub(super) store: Store<'a>,
}

// SAFETY: addresses of plain elements; tasks write different ones.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    /// Computes the tiles of a task.
    ///
    /// # Safety
    /// The job's addresses are valid for what the sizes tell, nothing else touches the tiles' pixels of y meanwhile, nor
    /// the scratch, which has room for `most` tiles, at least one, and the processor has the kernel's instruction set.
    pub(super) unsafe fn run(&self, task: usize, tasks: usize, scratch: *mut f32, most: usize) {
        let (channels, outputs) = (self.grid.shape.channels, self.grid.shape.outputs);
        let (patches, of_patch) = (scratch.cast::<i16>(), POINTS * channels);
        self.grid.for_each_block(task, tasks, most, |block| {
            let sums = patches.wrapping_add(block.len() * of_patch).cast::<i32>();
            for (i, tile) in block.clone().enumerate() {
                // SAFETY: pixels inside the image are those of x; a block has no more tiles than there is room for.
                unsafe { (self.kernel.input)(&self.grid.patch(tile, patches.add(i * of_patch))) };
            }
            let high = self.kernel.multiply.len();
            for panel in 0..outputs / PANEL {
                let w = self.w.wrapping_add(panel * of_patch * PANEL);
                for first in block.clone().step_by(high) {
                    let count = high.min(block.end - first);
                    let x = patches.wrapping_add((first - block.start) * of_patch);
                    // SAFETY: patches, weights and sums are there, the sums of no more tiles than there is room for.
                    unsafe { (self.kernel.multiply[count - 1])(&Product { x, w, channels, sums }) };
                    for i in 0..count {
                        // SAFETY: the sums are those of the tile.
                        unsafe { self.give(first + i, panel, sums.add(i * POINTS * PANEL)) };
                    }
                }
            }
        });
    }

    /// Makes a panel of a tile's output channels of their sums.
    unsafe fn give(&self, tile: usize, panel: usize, sums: *const i32) {
        let (first, size) = self.grid.pixels(tile);
        // SAFETY: the tile's pixels are those of y and the residual.
        unsafe {
            let mut store = self.store;
            store.advance(first);
            let width = self.grid.shape.horizontal.output;
            let tile = Finish { sums, size, store: &store, column: panel * PANEL, width };
            (self.kernel.output)(&tile);
            if !store.how.table.is_null() {
                (0..size[0]).for_each(|i| look_up(&tile.line(i), size[1], panel..panel + 1));
            }
        }
    }
}
