//! Sum or product of two tensors of bytes. With A and B the bytes less their zero points:
//!
//! * Add: r = A·a.scale + B·b.scale, two f32 multiplications and an addition, each rounded;
//! * Mul: r = (A·B)·a.scale, where A·B is exact;
//!
//! and y = clamp(rne(r) + zero, low, high), with rne the nearest integer, ties to even; NaN counts as the least.

mod stretch;
#[cfg(test)]
mod tests;

use crate::requantize::Requantize;
use crate::walk::{Tile, loops_of};
use crate::{Isa, Parallel, View, ViewMut};

crate::kernels! { BinaryKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// a + b
    Add,
    /// a · b
    Mul,
}

/// An operand's quantization.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// Its scale over that of y.
    pub scale: f32,
    /// Its zero point.
    pub zero: u8,
}

/// What is computed.
#[derive(Clone, Copy, Debug)]
pub struct Binary {
    /// Which function.
    pub kind: Kind,
    /// The first operand; of a product, the scale of both over that of y.
    pub a: Operand,
    /// The second operand.
    pub b: Operand,
    /// Quantization and bounds of y.
    pub requantize: Requantize,
}

/// A kernel for two tensors.
#[derive(Debug)]
pub struct BinaryKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Computes all rows of the stretch.
    ///
    /// # Safety
    /// The stretch's elements are valid, those of `a` and `b` to read and those of `y` to write; `y` is the same as
    /// `a` or `b` or shares no element with it. Columns of `y` are 1 apart, those of `a` and of `b` 1 or 0. The
    /// processor has the kernel's instruction set.
    run: unsafe fn(how: &Binary, stretch: &Stretch),
}

/// Rows of operands and result.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    a: *const u8,
    b: *const u8,
    y: *mut u8,
    tile: Tile<3>,
}

/// Elements that are brought together where they do not lie side by side.
const CHUNK: usize = 64;
/// Rows narrower than this are joined where one operand is the same row again and again.
const NARROW: usize = 128;
/// Elements of a row that stands for several.
const PATTERN: usize = 512;

impl BinaryKernel {
    /// y = a ∘ b, elementwise; `y` may coincide with `a` or `b`, of which dimensions with stride 0 are broadcast.
    /// Dimensions are best merged by [`crate::Loops::merged`] beforehand, with `y` as the first operand.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn run(
        &self,
        how: &Binary,
        a: &View<'_, u8>,
        b: &View<'_, u8>,
        y: &mut ViewMut<'_, u8>,
        parallel: &dyn Parallel,
    ) {
        loops_of!(y, a, b).each(parallel, &|tile| {
            // SAFETY: a tile of the loops addresses elements of the views, whose makers promised what `run` asks;
            // the kernel was selected for this processor.
            unsafe {
                let stretch = Stretch {
                    y: y.as_ptr().offset(tile.offset[0]),
                    a: a.as_ptr().offset(tile.offset[1]),
                    b: b.as_ptr().offset(tile.offset[2]),
                    tile: *tile,
                };
                if tile.col[0] == 1 && tile.col[1..].iter().all(|&step| step == 0 || step == 1) {
                    stretch.with_wide_rows(|stretch| (self.run)(how, stretch));
                } else {
                    self.scattered(how, &stretch);
                }
            }
        });
    }

    /// Columns that lie apart.
    ///
    /// # Safety
    /// As for the kernel's function, with steps of any kind.
    unsafe fn scattered(&self, how: &Binary, stretch: &Stretch) {
        let Stretch { a, b, y, tile } = *stretch;
        let [mut from_a, mut from_b, mut to] = [[0u8; CHUNK]; 3];
        for r in 0..tile.rows as isize {
            for begin in (0..tile.cols).step_by(CHUNK) {
                let cols = CHUNK.min(tile.cols - begin);
                let at = |k: usize, i: usize| r * tile.row[k] + (begin + i) as isize * tile.col[k];
                // SAFETY: rows and columns stay below the tile's; the chunks are long enough.
                unsafe {
                    for (i, (to_a, to_b)) in from_a.iter_mut().zip(&mut from_b).take(cols).enumerate() {
                        (*to_a, *to_b) = (a.offset(at(1, i)).read(), b.offset(at(2, i)).read());
                    }
                    let tile = Tile { rows: 1, cols, offset: [0; 3], row: [0; 3], col: [1; 3] };
                    let chunk = Stretch { a: from_a.as_ptr(), b: from_b.as_ptr(), y: to.as_mut_ptr(), tile };
                    (self.run)(how, &chunk);
                    for (i, &to) in to[..cols].iter().enumerate() {
                        y.offset(at(0, i)).write(to);
                    }
                }
            }
        }
    }
}

impl Stretch {
    /// Calls `body` for the stretch, or for fewer, wider rows of it where the rows of the result lie end to end, as do
    /// those of one operand, and the other is one narrow row.
    ///
    /// # Safety
    /// The stretch's operands are valid to read.
    unsafe fn with_wide_rows(&self, body: impl Fn(&Stretch)) {
        let Tile { rows, cols, row, col, .. } = self.tile;
        let is_dense = |k: usize| col[k] == 1 && row[k] == cols as isize;
        let repeated = (1..3).find(|&k| col[k] == 1 && row[k] == 0);
        let repeat = PATTERN / cols.max(1);
        let Some(k) = repeated.filter(|&k| cols < NARROW && rows >= repeat && is_dense(0) && is_dense(3 - k)) else {
            return body(self);
        };
        let mut pattern = [0u8; PATTERN];
        let one = if k == 1 { self.a } else { self.b };
        for to in pattern[..repeat * cols].chunks_exact_mut(cols) {
            // SAFETY: the row has `cols` elements.
            unsafe { core::ptr::copy_nonoverlapping(one, to.as_mut_ptr(), cols) };
        }
        let (wide, done) = (repeat * cols, rows / repeat * repeat);
        let mut pitches = [wide as isize; 3];
        pitches[k] = 0;
        let tile = Tile { rows: rows / repeat, cols: wide, row: pitches, ..self.tile };
        let mut stretch = Stretch { tile, ..*self };
        *if k == 1 { &mut stretch.a } else { &mut stretch.b } = pattern.as_ptr();
        body(&stretch);
        if done < rows {
            body(&Stretch {
                y: self.y.wrapping_add(done * cols),
                a: self.a.wrapping_offset(done as isize * row[1]),
                b: self.b.wrapping_offset(done as isize * row[2]),
                tile: Tile { rows: rows - done, ..self.tile },
            });
        }
    }
}
