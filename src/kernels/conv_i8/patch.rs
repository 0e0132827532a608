//! The rows of the input that a row of the output sees, copied with their padding: no pixel then needs care of its own. For
//! processors with memory enough; see [`columns`](super::columns) for others.

use core::mem::MaybeUninit;

use crate::conv_f32::Shape;
use crate::gemm_i8::{GemmKernel, QUAD, Sights, WidenFn};
use crate::sight::{MAX_ROWS, Pointers, Prepared, Segment};

/// Bytes of a patch at most: it stays in the first-level cache.
const PATCH: usize = 16 * 1024;

/// Bytes that there is room for: of widened elements as well where there are kernels that want them.
const ROOM: usize = if cfg!(target_arch = "x86_64") { 2 * PATCH } else { PATCH };

/// Rows of a kernel at most.
const KERNEL_ROWS: usize = 16;

/// How patches of an input are laid out.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) shape: Shape,
    /// Bytes from one input pixel to the next.
    pitch: usize,
    /// Channels of a group.
    depth: usize,
    /// The same in whole quads: what lies between the pixels of a patch.
    step: usize,
    /// Bytes of a row of a patch.
    row: usize,
    /// What the padding holds.
    padding: u8,
    /// Widens a patch's rows, and what an element then takes; or none, and 1.
    widen: Option<WidenFn>,
    unit: usize,
}

impl Layout {
    /// Of an input whose pixels lie `pitch` apart; none where patches are too large, or would not save anything.
    pub(super) fn new(shape: &Shape, pitch: usize, padding: u8, kernel: &GemmKernel) -> Option<Self> {
        let (v, h) = (&shape.vertical, &shape.horizontal);
        let depth = shape.channels / shape.groups;
        let step = depth.next_multiple_of(QUAD);
        let row = ((h.output - 1).checked_mul(h.stride)?.checked_add(h.kernel)?).checked_mul(step)?;
        // Short rows of outputs make low tiles; a kernel of one element leaves pixels out.
        let pays = h.output > 3 && h.dilation == 1 && (v.kernel, h.kernel) != (1, 1);
        let fits = v.kernel <= KERNEL_ROWS && row.checked_mul(v.kernel)? <= PATCH;
        let (widen, unit) = (kernel.widen, if kernel.widen.is_some() { 2 } else { 1 });
        (pays && fits).then_some(Self { shape: *shape, pitch, depth, step, row, padding, widen, unit })
    }

    /// Copies row `y` of the input that begins at `x`, or padding.
    ///
    /// # Safety
    /// The input is there, and `to` has room for a row.
    unsafe fn copy(&self, x: *const u8, image: usize, y: isize, to: *mut u8) {
        let Layout { shape, pitch, depth, step, row, padding, .. } = *self;
        let (v, h) = (&shape.vertical, &shape.horizontal);
        let pixels = row / step;
        let (left, inside) = if (0..v.input as isize).contains(&y) {
            let left = h.pad.min(pixels);
            (left, h.input.min(pixels - left))
        } else {
            (pixels, 0)
        };
        let from = x.wrapping_add((image * v.input).wrapping_add_signed(y).wrapping_mul(h.input * pitch));
        // SAFETY: `inside` pixels of a row of the input are read, and written behind `left` others, all in the row.
        unsafe {
            fill(to, left, depth, step, padding);
            let to = to.add(left * step);
            match depth {
                _ if pitch == step => core::ptr::copy_nonoverlapping(from, to, inside * step),
                1 if pitch == depth => widen(inside, |i| u32::from(from.add(i).read()), to),
                3 if pitch == depth && inside > 0 => {
                    // A quad that begins with a pixel ends in the next.
                    let quad =
                        |i: usize| u32::from_le(from.add(i * depth).cast::<u32>().read_unaligned()) & 0x00ff_ffff;
                    widen(inside - 1, quad, to);
                    copy_pixel(from.add((inside - 1) * depth), to.add((inside - 1) * step), depth);
                }
                _ => (0..inside).for_each(|i| copy_pixel(from.add(i * pitch), to.add(i * step), depth)),
            }
            fill(to.add(inside * step), pixels - left - inside, depth, step, padding);
        }
    }
}

/// What pixels of a row of the output see of one group's channels; see [`Layout`].
///
/// Segments point into it: once rows are placed it stays where it is.
pub(super) struct PatchSight<'a> {
    layout: &'a Layout,
    /// The first channel of the first pixel.
    pub(super) x: *const u8,
    /// The row of outputs, those of all images being counted, that the patch belongs to.
    at: Option<usize>,
    /// The pixel that is placed next, its row of outputs and its column: divisions take as long as a small tile.
    next: usize,
    line: usize,
    column: usize,
    /// Input rows that the patch holds, those of all images being counted and those in the padding apart.
    held: [Option<(usize, isize)>; KERNEL_ROWS],
    rows: Pointers<u8>,
    segments: [Segment<u8>; KERNEL_ROWS],
    /// Tiles that are one pixel wider than others in the row, and the width of the others.
    wider: usize,
    width: usize,
    patch: MaybeUninit<[u8; ROOM]>,
}

impl<'a> PatchSight<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            x: core::ptr::null(),
            at: None,
            next: 0,
            line: 0,
            column: 0,
            held: [None; KERNEL_ROWS],
            rows: [core::ptr::null(); MAX_ROWS],
            segments: [Segment::EMPTY; KERNEL_ROWS],
            wider: 0,
            width: 0,
            patch: MaybeUninit::uninit(),
        }
    }

    /// Turns to the group whose first channel lies at `x`.
    pub(super) fn turn_to(&mut self, x: *const u8) {
        (self.x, self.at, self.held) = (x, None, [None; KERNEL_ROWS]);
    }

    /// Finds the row of outputs that a pixel belongs to.
    fn find(&mut self, pixel: usize) {
        if pixel != self.next {
            let output = self.layout.shape.horizontal.output;
            (self.next, self.line, self.column) = (pixel, pixel / output, pixel % output);
        }
    }

    /// Makes the patch that of the next pixel's row of outputs. Rows that it holds already stay.
    fn turn(&mut self) {
        let (v, layout) = (&self.layout.shape.vertical, self.layout);
        let (image, top) = (self.line / v.output, v.first(self.line % v.output));
        self.at = Some(self.line);
        let row = layout.row * layout.unit;
        for tap in 0..v.kernel {
            let y = top + (tap * v.dilation) as isize;
            // Neighbouring rows go round.
            let slot = if v.dilation == 1 { y.rem_euclid(v.kernel as isize) as usize } else { tap };
            if self.held[slot] != Some((image, y)) {
                self.held[slot] = Some((image, y));
                // SAFETY: the patch has room for the kernel's rows; one that is widened is first copied to its own end.
                unsafe {
                    let to = self.patch.as_mut_ptr().cast::<u8>().add(slot * row);
                    let bytes = to.add(row - layout.row);
                    layout.copy(self.x, image, y, bytes);
                    if let Some(widen) = layout.widen {
                        widen(bytes, to, layout.row);
                    }
                }
            }
            let len = layout.shape.horizontal.kernel * layout.step * layout.unit;
            self.segments[tap] = Segment { len, offset: slot * row, rows: &raw const self.rows };
        }
    }
}

/// Writes pixels of padding, with zeros up to whole quads, which so count for nothing in sums of bytes.
///
/// # Safety
/// There is room for them.
unsafe fn fill(to: *mut u8, pixels: usize, depth: usize, step: usize, padding: u8) {
    // SAFETY: as the caller promises.
    unsafe {
        to.write_bytes(padding, pixels * step);
        if depth < step {
            (0..pixels).for_each(|i| to.add(i * step + depth).write_bytes(0, step - depth));
        }
    }
}

/// Copies a pixel, with zeros up to whole quads.
///
/// # Safety
/// It is there, and so is room.
#[inline(always)]
pub(super) unsafe fn copy_pixel(from: *const u8, to: *mut u8, depth: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        core::ptr::copy_nonoverlapping(from, to, depth);
        to.add(depth).write_bytes(0, depth.next_multiple_of(QUAD) - depth);
    }
}

/// Writes pixels of one quad each.
///
/// # Safety
/// There is room for them.
#[inline(always)]
unsafe fn widen(pixels: usize, quad: impl Fn(usize) -> u32, to: *mut u8) {
    for i in 0..pixels {
        // SAFETY: as the caller promises.
        unsafe { to.cast::<u32>().add(i).write_unaligned(quad(i).to_le()) };
    }
}

impl Sights for PatchSight<'_> {
    fn tile(&mut self, row: usize, high: usize, left: usize) -> usize {
        self.find(row);
        if self.column == 0 || self.at != Some(self.line) {
            let of_row = (self.layout.shape.horizontal.output - self.column).min(left);
            let tiles = of_row.div_ceil(high);
            (self.width, self.wider) = (of_row / tiles, of_row % tiles);
        }
        let wider = self.wider.min(1);
        self.wider -= wider;
        self.width + wider
    }

    fn place(&mut self, row: usize, rows: usize) {
        self.find(row);
        if self.at != Some(self.line) {
            self.turn();
        }
        let h = &self.layout.shape.horizontal;
        let pitch = h.stride * self.layout.step * self.layout.unit;
        let first = self.patch.as_ptr().cast::<u8>().wrapping_add(self.column * pitch);
        for (i, x) in self.rows[..rows].iter_mut().enumerate() {
            *x = first.wrapping_add(i * pitch);
        }
        (self.next, self.column) = (row + rows, self.column + rows);
        if self.column == h.output {
            (self.line, self.column) = (self.line + 1, 0);
        }
    }

    fn prepare(&mut self, begin: usize) -> Prepared {
        let count = self.count();
        Prepared { begin, end: count, len: count * self.segments[0].len }
    }

    fn segments(&self) -> *const Segment<u8> {
        self.segments.as_ptr()
    }

    fn count(&self) -> usize {
        self.layout.shape.vertical.kernel
    }

    fn run(&self) -> usize {
        self.layout.shape.horizontal.kernel * (self.layout.step / QUAD)
    }

    fn is_wide(&self) -> bool {
        self.layout.widen.is_some()
    }
}
