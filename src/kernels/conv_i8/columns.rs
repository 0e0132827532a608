//! What each pixel of a tile sees, copied with its padding into one column, where memory is short and pixels are no whole
//! quads: first layers of few channels.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::patch::copy_pixel;
use super::{Shape, WHOLE_ROWS, quads};
use crate::gemm_i8::{QUAD, Sights};
use crate::sight::{MAX_ROWS, Pointers, Prepared, Segment};

/// Bytes of a column at most: 7×7 pixels of a quad.
const COLUMN: usize = 7 * 7 * QUAD;

/// Channels of a group at most.
const DEPTH: usize = 16;

/// What pixels see of one group's channels, copied.
///
/// The segment points into it: once rows are placed it stays where it is.
pub(super) struct ColumnSight<'a> {
    shape: &'a Shape,
    /// The first channel of the first pixel.
    pub(super) x: *const u8,
    /// Elements from one input pixel to the next.
    pitch: usize,
    /// A pixel of the padding.
    padding: [u8; DEPTH],
    rows: Pointers<u8>,
    segment: Segment<u8>,
    columns: MaybeUninit<[[u8; COLUMN]; MAX_ROWS]>,
}

impl<'a> ColumnSight<'a> {
    /// Whether a convolution is best run so.
    pub(super) fn pays(shape: &Shape) -> bool {
        let depth = shape.channels / shape.groups;
        !WHOLE_ROWS && depth <= DEPTH && !depth.is_multiple_of(QUAD) && quads(shape) * QUAD <= COLUMN
    }

    /// Of an input that counts as continued by `padding`.
    pub(super) fn new(shape: &'a Shape, pitch: usize, padding: u8) -> Self {
        Self {
            shape,
            x: core::ptr::null(),
            pitch,
            padding: [padding; DEPTH],
            rows: [core::ptr::null(); MAX_ROWS],
            segment: Segment { len: quads(shape) * QUAD, ..Segment::EMPTY },
            columns: MaybeUninit::uninit(),
        }
    }

    /// Copies what a pixel of the output sees.
    ///
    /// # Safety
    /// The input is there, and `to` has room for a column.
    unsafe fn copy(&self, pixel: usize, mut to: *mut u8) {
        let (v, h) = (&self.shape.vertical, &self.shape.horizontal);
        let depth = self.shape.channels / self.shape.groups;
        let (line, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (line / v.output, line % v.output);
        let (down, right) = (v.taps(oy), h.taps(ox));
        let first = ((image * v.input) as isize + v.first(oy)) * h.input as isize + h.first(ox);
        let mut row = self.x.wrapping_offset(first * self.pitch as isize);
        let (step, down_step) = (h.dilation * self.pitch, v.dilation * h.input * self.pitch);
        let len = h.kernel * depth.next_multiple_of(QUAD);
        let is_inside = down.len() == v.kernel && right.len() == h.kernel;
        for ky in 0..v.kernel {
            // SAFETY: elements of the kernel that lie in the input are there, and so is room, as the caller promises.
            unsafe {
                if is_inside {
                    copy_run(depth, h.kernel, row, step, to);
                } else {
                    let right = if down.contains(&ky) { right.clone() } else { 0..0 };
                    self.copy_padded(depth, row, step, right, to);
                }
            }
            to = to.wrapping_add(len);
            row = row.wrapping_add(down_step);
        }
    }

    /// Copies a row of the kernel of which only the elements to the `right` lie in the input.
    ///
    /// # Safety
    /// They are there, and so is room.
    #[inline(never)]
    unsafe fn copy_padded(&self, depth: usize, row: *const u8, step: usize, right: Range<usize>, to: *mut u8) {
        for kx in 0..self.shape.horizontal.kernel {
            let from = if right.contains(&kx) { row.wrapping_add(kx * step) } else { self.padding.as_ptr() };
            // SAFETY: as the caller promises.
            unsafe { copy_run(depth, 1, from, 0, to.add(kx * depth.next_multiple_of(QUAD))) };
        }
    }
}

/// Copies pixels of `depth` bytes that lie `step` apart, with zeros up to whole quads.
///
/// # Safety
/// They are there, and so is room.
#[inline(always)]
unsafe fn copy_run(depth: usize, pixels: usize, mut from: *const u8, step: usize, mut to: *mut u8) {
    let quads = depth.div_ceil(QUAD);
    // SAFETY: as the caller promises.
    unsafe {
        match depth {
            1 => {
                for _ in 0..pixels {
                    to.cast::<u32>().write_unaligned(u32::from(from.read()).to_le());
                    (from, to) = (from.wrapping_add(step), to.wrapping_add(QUAD));
                }
            }
            3 => {
                for _ in 0..pixels {
                    let low = u16::from_le(from.cast::<u16>().read_unaligned());
                    let quad = u32::from(low) | u32::from(from.add(2).read()) << 16;
                    to.cast::<u32>().write_unaligned(quad.to_le());
                    (from, to) = (from.wrapping_add(step), to.wrapping_add(QUAD));
                }
            }
            _ => {
                for _ in 0..pixels {
                    copy_pixel(from, to, depth);
                    (from, to) = (from.wrapping_add(step), to.wrapping_add(quads * QUAD));
                }
            }
        }
    }
}

impl Sights for ColumnSight<'_> {
    fn tile(&mut self, _: usize, high: usize, left: usize) -> usize {
        left.min(high)
    }

    fn place(&mut self, row: usize, rows: usize) {
        let first = self.columns.as_mut_ptr().cast::<[u8; COLUMN]>();
        for i in 0..rows {
            let to = first.wrapping_add(i).cast::<u8>();
            // SAFETY: there is room for a tile's columns, and the input is there where sights are used.
            unsafe { self.copy(row + i, to) };
            self.rows[i] = to;
        }
        self.segment.rows = &raw const self.rows;
    }

    fn prepare(&mut self, begin: usize) -> Prepared {
        Prepared { begin, end: 1, len: self.segment.len }
    }

    fn segments(&self) -> *const Segment<u8> {
        &raw const self.segment
    }

    fn count(&self) -> usize {
        1
    }

    fn run(&self) -> usize {
        self.segment.len / QUAD
    }

    fn is_wide(&self) -> bool {
        false
    }
}
