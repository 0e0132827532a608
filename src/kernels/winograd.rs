//! What convolutions in tiles of 4×4 output pixels share: where tiles lie, what they see, and how tasks share them.

use core::ops::Range;

use crate::conv_f32::Shape;
use crate::parallel::share;
use crate::window::Axis;
use crate::{Element, Rows};

/// Lines and columns of a tile.
pub(crate) const TILE: usize = 4;
/// Lines and columns of the input that a tile sees.
pub(crate) const SPAN: usize = TILE + 2;
/// Multiplications that a tile takes for each pair of channels.
pub(crate) const POINTS: usize = SPAN * SPAN;

/// What the patch of a tile becomes.
pub(crate) struct Patch<T, U> {
    /// Channel 0 of its first pixel, which may lie in the padding.
    pub(crate) x: *const T,
    /// Elements from line to line and from pixel to pixel.
    pub(crate) pitches: [isize; 2],
    /// Its lines and columns that lie inside the image.
    pub(crate) inside: [Range<usize>; 2],
    /// What the padding holds.
    pub(crate) padding: T,
    /// C.
    pub(crate) channels: usize,
    /// `[36][C]`.
    pub(crate) out: *mut U,
}

/// The tiles of a convolution.
pub(crate) struct Grid<'a, T> {
    pub(crate) shape: Shape,
    x: Rows<'a, T>,
    padding: T,
    /// Tiles along the height and the width.
    tiles: [usize; 2],
}

impl<'a, T: Element> Grid<'a, T> {
    /// Of an input whose padding holds so much.
    ///
    /// # Panics
    /// If the convolution has not 3×3 kernels, stride 1 and one group, if its input has another size, or if its
    /// channels are no multiples of `panel`.
    pub(crate) fn new(shape: Shape, x: Rows<'a, T>, padding: T, panel: usize) -> Self {
        let Shape { batch, vertical: v, horizontal: h, channels, outputs, groups } = shape;
        let is_plain = |axis: &Axis| (axis.kernel, axis.stride, axis.dilation) == (3, 1, 1);
        assert!(is_plain(&v) && is_plain(&h), "kernel of {shape:?}");
        let is_whole = |count: usize| count > 0 && count.is_multiple_of(panel);
        assert!(groups == 1 && is_whole(channels) && is_whole(outputs), "channels of {shape:?}");
        assert!(x.rows() == batch * v.input * h.input && x.cols() == channels, "input of {shape:?}");
        Self { shape, x, padding, tiles: [v, h].map(|axis| axis.output.div_ceil(TILE)) }
    }

    /// All tiles.
    pub(crate) fn count(&self) -> usize {
        self.shape.batch * self.tiles[0] * self.tiles[1]
    }

    /// Into how many tasks to split the tiles where there is room for so many of them and a task makes so many
    /// multiplications at least.
    pub(crate) fn tasks(&self, threads: usize, room: usize, task_macs: usize) -> usize {
        let macs = self.count().saturating_mul(POINTS * self.shape.channels * self.shape.outputs);
        threads.min(macs / task_macs).min(self.count()).min(room).max(1)
    }

    /// Calls `run` with blocks of the tiles of a task, none of them with more than `most`.
    pub(crate) fn for_each_block(&self, task: usize, tasks: usize, most: usize, mut run: impl FnMut(Range<usize>)) {
        let own = share(self.count(), 1, task, tasks);
        let blocks = own.len().div_ceil(most);
        for block in 0..blocks {
            let block = share(own.len(), 1, block, blocks);
            run(own.start + block.start..own.start + block.end);
        }
    }

    /// Image, first line and first column of a tile.
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.tiles;
        let (line, column) = (tile / across, tile % across);
        [line / down, line % down * TILE, column * TILE]
    }

    /// The patch of a tile.
    pub(crate) fn patch<U>(&self, tile: usize, out: *mut U) -> Patch<T, U> {
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
        Patch {
            x: self.x.as_ptr().wrapping_offset(first),
            pitches: [pitch * h.input as isize, pitch],
            inside: [inside(v, line), inside(h, column)],
            padding: self.padding,
            channels: self.shape.channels,
            out,
        }
    }

    /// The first pixel of a tile in the output, and how many of its lines and columns the output has.
    pub(crate) fn pixels(&self, tile: usize) -> (usize, [usize; 2]) {
        let (v, h) = (&self.shape.vertical, &self.shape.horizontal);
        let [image, line, column] = self.place(tile);
        let first = (image * v.output + line) * h.output + column;
        (first, [(v.output - line).min(TILE), (h.output - column).min(TILE)])
    }
}

/// Room that tasks share.
pub(crate) struct Scratch {
    first: *mut f32,
    /// Elements of a task, whole lines of the cache.
    of_task: usize,
}

// SAFETY: an address of plain elements; tasks take different parts.
unsafe impl Sync for Scratch {}

impl Scratch {
    /// For so many tasks; each gets what is a multiple of 16 elements.
    pub(crate) fn new(room: &mut [f32], tasks: usize) -> Self {
        Self { first: room.as_mut_ptr(), of_task: room.len() / tasks / 16 * 16 }
    }

    /// The part of a task and its length.
    pub(crate) fn part(&self, task: usize) -> (*mut f32, usize) {
        (self.first.wrapping_add(task * self.of_task), self.of_task)
    }
}
