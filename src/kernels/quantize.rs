//! From f32 to 8 bits: y = clamp(rne(x · inverse_scale) + zero_point, 0, 255), with rne the nearest integer, ties to
//! even; NaN gives zero_point. The product is one f32 multiplication.

mod line;
#[cfg(test)]
mod tests;

use crate::walk::{Loops, Tile, loops_of};
use crate::{Isa, Parallel, View, ViewMut};

crate::kernels! { QuantizeKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// A quantization of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Quantization {
    /// 1 / scale.
    pub inverse_scale: f32,
    /// Stands for 0.
    pub zero_point: u8,
}

/// The same by a division: y = clamp(rne(x / scale) + zero_point, 0, 255).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Division {
    pub(crate) scale: f32,
    /// Stands for 0.
    pub(crate) zero_point: u8,
}

/// A kernel that quantizes.
#[derive(Debug)]
pub struct QuantizeKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// `y[i] = q(x[i])` for so many contiguous elements.
    ///
    /// # Safety
    /// The elements are valid to read and to write respectively and share no byte; the processor has the kernel's
    /// instruction set.
    line: unsafe fn(how: &Quantization, x: *const f32, y: *mut u8, len: usize),
    /// As `line`, by a division.
    ///
    /// # Safety
    /// As for `line`.
    pub(crate) divided: unsafe fn(how: &Division, x: *const f32, y: *mut u8, len: usize),
    /// The least and the greatest of 0 and so many contiguous elements; NaN does not count.
    ///
    /// # Safety
    /// The elements are valid to read; the processor has the kernel's instruction set.
    pub(crate) range: unsafe fn(x: *const f32, len: usize) -> [f32; 2],
    /// Pixels of at most three channels become four bytes each, of which the last ones are the zero point.
    ///
    /// # Safety
    /// As for `line`.
    quads: unsafe fn(how: &Quantization, pixels: &Pixels),
}

/// A line of pixels; steps are in elements.
#[derive(Clone, Copy, Debug)]
struct Pixels {
    x: *const f32,
    /// From a pixel of `x` to the next.
    x_step: isize,
    /// From a channel of `x` to the next.
    x_channel: isize,
    channels: usize,
    y: *mut u8,
    /// From a pixel of `y` to the next.
    y_step: isize,
    /// Channels of `y`, side by side.
    y_channels: usize,
    count: usize,
}

/// Elements that are brought together where they do not lie side by side.
const CHUNK: usize = 64;

impl QuantizeKernel {
    /// y = q(x). The dimensions are the same, and best merged by [`crate::Loops::merged`] beforehand with `y` as the
    /// first operand; or there are more elements in `y`'s last one, whose neighbours lie side by side: what is past `x`
    /// becomes the zero point.
    ///
    /// # Panics
    /// If the dimensions do not fit.
    pub fn run(&self, how: &Quantization, x: &View<'_, f32>, y: &mut ViewMut<'_, u8>, parallel: &dyn Parallel) {
        if x.dims() == y.dims() {
            return self.alike(how, x, y, parallel);
        }
        let (Some((&channels, x_outer)), Some((&y_channels, outer))) = (x.dims().split_last(), y.dims().split_last())
        else {
            panic!("operands have the same rank");
        };
        let last = outer.len();
        assert!(x_outer == outer && channels <= y_channels, "operands differ in the last dimension alone");
        assert!(y_channels <= 1 || y.strides()[last] == 1, "channels lie side by side");
        let pixels = Loops::new(outer, [&y.strides()[..last], &x.strides()[..last]]).merged();
        let (y, x_channel) = (&*y, x.strides()[last]);
        pixels.each(parallel, &|tile| {
            let ([y_row, x_row], [y_step, x_step]) = (tile.row, tile.col);
            for r in 0..tile.rows as isize {
                // SAFETY: the tile's pixels are those of the two views, which share none, with all their channels.
                unsafe {
                    let x = x.as_ptr().wrapping_offset(tile.offset[1] + r * x_row);
                    let y = y.as_ptr().offset(tile.offset[0] + r * y_row);
                    self.pixels(
                        how,
                        &Pixels { x, x_step, x_channel, channels, y, y_step, y_channels, count: tile.cols },
                    );
                }
            }
        });
    }

    /// # Safety
    /// As for `quads`.
    unsafe fn pixels(&self, how: &Quantization, pixels: &Pixels) {
        let Pixels { x, x_step, x_channel, channels, y, y_step, y_channels, count } = *pixels;
        // SAFETY: every pixel and channel is below its number.
        unsafe {
            if y_channels == 4 && (y_step == 4 || count == 1) {
                return (self.quads)(how, pixels);
            }
            for i in 0..count as isize {
                let (x, y) = (x.wrapping_offset(i * x_step), y.offset(i * y_step));
                self.strided(how, (x, x_channel), (y, 1), channels);
                y.add(channels).write_bytes(how.zero_point, y_channels - channels);
            }
        }
    }

    fn alike(&self, how: &Quantization, x: &View<'_, f32>, y: &mut ViewMut<'_, u8>, parallel: &dyn Parallel) {
        let mut loops = loops_of!(y, x);
        let last = loops.dims().len().saturating_sub(1);
        if loops.strides(1).nth(last) != Some(1) {
            let neighbours = loops.strides(1).take(last).position(|stride| stride == 1);
            loops.bring_to_rows(neighbours.unwrap_or(last));
        }
        loops.each(parallel, &|tile| {
            let ([y_row, x_row], [y_col, x_col]) = (tile.row, tile.col);
            // SAFETY: a tile of the loops addresses elements of the two views, which share none.
            unsafe {
                let x = x.as_ptr().offset(tile.offset[1]);
                let y = y.as_ptr().offset(tile.offset[0]);
                if x_row == 1 && y_col == 1 && x_col != 1 && tile.rows > 1 {
                    return self.transposed(how, x, y, tile);
                }
                for r in 0..tile.rows as isize {
                    self.strided(how, (x.offset(r * x_row), x_col), (y.offset(r * y_row), y_col), tile.cols);
                }
            }
        });
    }

    /// # Safety
    /// As for `line`; the elements lie `x_step` and `y_step` apart.
    unsafe fn strided(
        &self,
        how: &Quantization,
        (x, x_step): (*const f32, isize),
        (y, y_step): (*mut u8, isize),
        len: usize,
    ) {
        if x_step == 1 && y_step == 1 {
            // SAFETY: as the caller promises.
            return unsafe { (self.line)(how, x, y, len) };
        }
        let (mut from, mut to) = ([0f32; CHUNK], [0u8; CHUNK]);
        for begin in (0..len).step_by(CHUNK) {
            let count = CHUNK.min(len - begin);
            // SAFETY: `begin + count` is at most `len`.
            unsafe {
                for (i, from) in from[..count].iter_mut().enumerate() {
                    *from = x.offset((begin + i) as isize * x_step).read();
                }
                (self.line)(how, from.as_ptr(), to.as_mut_ptr(), count);
                for (i, &to) in to[..count].iter().enumerate() {
                    y.offset((begin + i) as isize * y_step).write(to);
                }
            }
        }
    }

    /// A tile whose columns are rows of `x`.
    ///
    /// # Safety
    /// As for `line`.
    unsafe fn transposed(&self, how: &Quantization, x: *const f32, y: *mut u8, tile: &Tile<2>) {
        let (y_row, x_col) = (tile.row[0], tile.col[1]);
        let mut column = [0u8; CHUNK];
        for top in (0..tile.rows).step_by(CHUNK) {
            let count = CHUNK.min(tile.rows - top);
            for c in 0..tile.cols {
                // SAFETY: rows and columns stay below the tile's.
                unsafe {
                    (self.line)(how, x.add(top).offset(c as isize * x_col), column.as_mut_ptr(), count);
                    for (i, &byte) in column[..count].iter().enumerate() {
                        y.offset((top + i) as isize * y_row).add(c).write(byte);
                    }
                }
            }
        }
    }
}
