//! Tiles of output pixels by output channels, whose rows point into the input.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::Shape;
use crate::Rows;
use crate::activation::Function;
use crate::gemm_f32::{GemmKernel, MAX_ROWS, MAX_SUMS, PANEL, Part, Segment, Store, Tile, Tiles, apply_activation};
use crate::parallel::share;

/// Elements of a segment at most.
const PIECE: usize = 256;

/// What rows in the padding point to.
static ZEROS: [f32; PIECE] = [0.0; PIECE];

/// Segments that are prepared at once.
const SEGMENTS: usize = if cfg!(target_pointer_width = "64") { 32 } else { 12 };

/// Elements of room for rows that are partly in the padding: at least a piece for each row of a tile.
const PATCH: usize = if cfg!(target_pointer_width = "64") { MAX_ROWS * PIECE } else { 2 * PIECE };

/// A convolution, ready to run in parts.
pub(super) struct Job<'a> {
    kernel: &'a GemmKernel,
    shape: &'a Shape,
    x: *const f32,
    x_pitch: usize,
    w: *const f32,
    /// Of the first group.
    store: Store,
    /// What is left to apply when sums are stored.
    activation: Option<Function>,
    /// Whether a row of the kernel sees one stretch of memory.
    by_kernel_rows: bool,
    /// Elements of such a stretch, or else of a kernel element's channels.
    run: usize,
    /// Pieces of a run.
    pieces: usize,
    /// Pieces of the whole sum.
    segments: usize,
}

// SAFETY: addresses of plain elements; parts write different ones.
unsafe impl Sync for Job<'_> {}

/// Where the kernel lies for an output pixel.
#[derive(Clone, Copy)]
struct Pixel {
    /// The element under the kernel's first one; outside of the input where `top` or `left` is.
    at: *const f32,
    top: isize,
    left: isize,
}

/// Room for a tile's rows.
struct Room {
    pixels: [Pixel; MAX_ROWS],
    table: [Segment; SEGMENTS],
    patch: MaybeUninit<[f32; PATCH]>,
    sums: MaybeUninit<[f32; MAX_SUMS]>,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        kernel: &'a GemmKernel,
        shape: &'a Shape,
        x: &Rows<'_, f32>,
        w: *const f32,
        store: Store,
        activation: Option<Function>,
    ) -> Self {
        let depth = shape.channels / shape.groups;
        let (v, h) = (&shape.vertical, &shape.horizontal);
        let contiguous = shape.groups == 1 && x.pitch() == depth && (h.dilation == 1 || h.kernel == 1);
        // Rows that are partly in the padding are copied: worth it where channels are few.
        let by_kernel_rows = contiguous && (depth < PANEL || h.kernel * depth <= PIECE);
        let (run, runs) = if by_kernel_rows { (h.kernel * depth, v.kernel) } else { (depth, v.kernel * h.kernel) };
        let pieces = run.div_ceil(PIECE);
        let (x_pitch, x) = (x.pitch(), x.as_ptr());
        Self { kernel, shape, x, x_pitch, w, store, activation, by_kernel_rows, run, pieces, segments: runs * pieces }
    }

    /// Computes a part: pixels by panels, those of all groups being counted.
    ///
    /// # Safety
    /// The addresses given to [`Job::new`] are valid for what the sizes tell, nothing else touches the part's outputs
    /// meanwhile, and the processor has the kernel's instruction set.
    pub(super) unsafe fn run(&self, part: Part) {
        let s = self.shape;
        let of_group = s.group_panels();
        let mut room = Room {
            pixels: [Pixel { at: self.x, top: 0, left: 0 }; MAX_ROWS],
            table: [Segment::EMPTY; SEGMENTS],
            patch: MaybeUninit::uninit(),
            sums: MaybeUninit::uninit(),
        };
        let mut first = part.panels.start;
        while first < part.panels.end {
            let (group, panel) = (first / of_group, first % of_group);
            let end = part.panels.end.min((group + 1) * of_group);
            let rows = part.rows.clone();
            // SAFETY: as the caller promises.
            unsafe { self.run_group(group, Part { rows, panels: panel..panel + (end - first) }, &mut room) };
            first = end;
        }
    }

    /// The same with panels of one group.
    unsafe fn run_group(&self, group: usize, part: Part, room: &mut Room) {
        let (s, count) = (self.shape, part.rows.len());
        if count == 0 {
            return;
        }
        let channels = s.outputs / s.groups;
        let (widest, tiles) = self.kernel.tiles_for(count);
        let tile_count = count.div_ceil(widest.by_rows.len());
        let block = widest.block(s.depth());
        // SAFETY: the group is one of the convolution's.
        let (x, w, store) = unsafe {
            let mut store = self.store;
            store.y = store.y.add(group * channels);
            if !store.residual.is_null() {
                store.residual = store.residual.add(group * channels);
            }
            if !store.bias.is_null() {
                store.bias = store.bias.add(group * s.group_panels() * PANEL);
            }
            let x = self.x.wrapping_add(group * (s.channels / s.groups));
            (x, self.w.add(group * s.group_panels() * s.depth() * PANEL), store)
        };
        let mut first = part.panels.start;
        while first < part.panels.end {
            let panels = first..(first + block).min(part.panels.end);
            for t in 0..tile_count {
                let of_tile = share(count, 1, t, tile_count);
                let pixel = part.rows.start + of_tile.start;
                self.place(x, pixel, &mut room.pixels[..of_tile.len()]);
                // SAFETY: pixel and panels are those of the part.
                unsafe {
                    let store = store.at(pixel, 0);
                    self.run_tiles(tiles, of_tile.len(), panels.clone(), w, &store, room);
                    if let Some(f) = &self.activation {
                        apply_activation(self.kernel, f, &store, of_tile.len(), panels.clone());
                    }
                }
            }
            first = panels.end;
        }
    }

    /// Places the kernel for output pixels from `first` on.
    fn place(&self, x: *const f32, first: usize, pixels: &mut [Pixel]) {
        let (v, h) = (&self.shape.vertical, &self.shape.horizontal);
        let (mut column, row) = (first % h.output, first / h.output);
        let (mut row, mut image) = (row % v.output, row / v.output);
        for pixel in pixels {
            let (top, left) = (v.first(row), h.first(column));
            let at = ((image * v.input) as isize + top) * h.input as isize + left;
            *pixel = Pixel { at: x.wrapping_offset(at * self.x_pitch as isize), top, left };
            column += 1;
            if column == h.output {
                (column, row) = (0, row + 1);
                if row == v.output {
                    (row, image) = (0, image + 1);
                }
            }
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
        let panel_len = self.shape.depth() * PANEL;
        let mut prepared = self.prepare(rows, 0, room);
        let mut panel = panels.start;
        for group in tiles {
            let run = group.by_rows[rows - 1];
            while panel + group.panels <= panels.end {
                if prepared.begin != 0 {
                    prepared = self.prepare(rows, 0, room);
                }
                // SAFETY: the panels are those of the convolution, and the rows' pointers are valid for the segments'
                // lengths: see `prepare`.
                unsafe {
                    let sums = room.sums.as_mut_ptr().cast::<f32>();
                    let mut tile = Tile {
                        segments: room.table.as_ptr(),
                        count: prepared.count,
                        w: w.add(panel * panel_len),
                        panel: panel_len,
                        step: PANEL as isize,
                        before: core::ptr::null(),
                        after: core::ptr::null_mut(),
                        store: store.at(0, panel * PANEL),
                    };
                    while prepared.begin + prepared.count < self.segments {
                        tile.after = sums;
                        run(&tile);
                        tile.before = sums;
                        tile.w = tile.w.add(prepared.len * PANEL);
                        prepared = self.prepare(rows, prepared.begin + prepared.count, room);
                        (tile.segments, tile.count) = (room.table.as_ptr(), prepared.count);
                    }
                    tile.after = core::ptr::null_mut();
                    run(&tile);
                }
                panel += group.panels;
            }
        }
    }

    /// Fills the table with segments from `begin` on, as many as there is room for. The pointers of each are valid for
    /// reading its elements until the next call.
    fn prepare(&self, rows: usize, begin: usize, room: &mut Room) -> Prepared {
        let edges = if self.by_kernel_rows { self.count_edges(&room.pixels[..rows]) } else { 0 };
        let fits = if edges == 0 { SEGMENTS } else { (PATCH / (edges * self.run.min(PIECE))).min(SEGMENTS) };
        let count = fits.min(self.segments - begin);
        let mut free = room.patch.as_mut_ptr().cast::<f32>();
        let mut len = 0;
        for (i, segment) in room.table[..count].iter_mut().enumerate() {
            let (run, piece) = ((begin + i) / self.pieces, (begin + i) % self.pieces);
            let from = piece * PIECE;
            segment.len = PIECE.min(self.run - from);
            len += segment.len;
            let pixels = room.pixels[..rows].iter().zip(&mut segment.rows);
            if self.by_kernel_rows {
                self.point_to_rows(run, from..from + segment.len, pixels, &mut free);
            } else {
                self.point_to_pixels(run, from, pixels);
            }
        }
        Prepared { begin, count, len }
    }

    /// Pixels at which the kernel lies partly to the left or right of the input.
    fn count_edges(&self, pixels: &[Pixel]) -> usize {
        pixels.iter().filter(|p| !self.lies_within(p)).count()
    }

    fn lies_within(&self, pixel: &Pixel) -> bool {
        let h = &self.shape.horizontal;
        pixel.left >= 0 && pixel.left + h.kernel as isize <= h.input as isize
    }

    /// Points to channels from `from` on of the input pixel under an element of the kernel.
    #[inline(always)]
    fn point_to_pixels<'p>(
        &self,
        element: usize,
        from: usize,
        pixels: impl Iterator<Item = (&'p Pixel, &'p mut *const f32)>,
    ) {
        let (v, h) = (&self.shape.vertical, &self.shape.horizontal);
        let (down, right) = (element / h.kernel * v.dilation, element % h.kernel * h.dilation);
        let offset = (down * h.input + right) * self.x_pitch + from;
        for (pixel, row) in pixels {
            // Negative positions become great ones.
            let (y, x) =
                (pixel.top.wrapping_add_unsigned(down) as usize, pixel.left.wrapping_add_unsigned(right) as usize);
            *row = if y < v.input && x < h.input { pixel.at.wrapping_add(offset) } else { ZEROS.as_ptr() };
        }
    }

    /// Points to the elements `part` of what a row of the kernel sees, or to a copy where that is partly padding.
    #[inline(always)]
    fn point_to_rows<'p>(
        &self,
        kernel_row: usize,
        part: Range<usize>,
        pixels: impl Iterator<Item = (&'p Pixel, &'p mut *const f32)>,
        free: &mut *mut f32,
    ) {
        let (v, h) = (&self.shape.vertical, &self.shape.horizontal);
        let down = kernel_row * v.dilation;
        let offset = down * h.input * self.x_pitch;
        for (pixel, row) in pixels {
            let seen = pixel.at.wrapping_add(offset);
            if pixel.top.wrapping_add_unsigned(down) as usize >= v.input {
                *row = ZEROS.as_ptr();
            } else if self.lies_within(pixel) {
                *row = seen.wrapping_add(part.start);
            } else {
                // Elements of the row that lie in the input.
                let begin = (-pixel.left).max(0) as usize * self.shape.channels;
                let end = (h.input as isize - pixel.left).max(0) as usize * self.shape.channels;
                let (begin, end) = (begin.clamp(part.start, part.end), end.clamp(part.start, part.end));
                *row = *free;
                // SAFETY: `prepare` made sure that there is room for a piece of each row that comes here.
                unsafe {
                    for i in part.start..begin {
                        free.add(i - part.start).write(0.0);
                    }
                    for i in begin..end {
                        free.add(i - part.start).write(seen.wrapping_add(i).read());
                    }
                    for i in end.max(begin)..part.end {
                        free.add(i - part.start).write(0.0);
                    }
                    *free = free.add(part.len());
                }
            }
        }
    }
}

/// What the table holds.
struct Prepared {
    begin: usize,
    count: usize,
    /// Elements of its segments.
    len: usize,
}
