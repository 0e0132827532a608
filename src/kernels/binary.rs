//! Elementwise functions of two tensors.
//!
//! f32 arithmetic is written once (`functions`) over vectors of any length, so that every instruction set gives
//! the same bits; each function rounds each of its operations once. Min and Max are NaN where an operand is.
//! Pow is within 1 unit in the last place. Mod of floats has the sign of the divisor also where it is zero, and the
//! remainders of x and ±0, and of ±∞ and x, are NaN. Integers wrap; division by zero and its remainders give 0, a
//! negative exponent gives the quotient of 1 and the power, truncated.

mod functions;
mod plain;
#[cfg(test)]
mod tests;

use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::walk::{Tile, loops_of};
use crate::{Isa, Parallel, View, ViewMut};

pub use plain::{Integer, compare, integers, logical};

crate::kernels! { BinaryKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// min(a, b)
    Min,
    /// max(a, b)
    Max,
    /// aᵇ
    Pow,
    /// a where a ≥ 0, else a·b
    PRelu,
    /// remainder with the sign of the divisor
    Mod,
    /// remainder with the sign of the dividend
    Fmod,
    /// (a − b)²
    SquaredDifference,
}

impl Arithmetic {
    /// All of them.
    pub const ALL: [Arithmetic; 11] = [
        Arithmetic::Add,
        Arithmetic::Sub,
        Arithmetic::Mul,
        Arithmetic::Div,
        Arithmetic::Min,
        Arithmetic::Max,
        Arithmetic::Pow,
        Arithmetic::PRelu,
        Arithmetic::Mod,
        Arithmetic::Fmod,
        Arithmetic::SquaredDifference,
    ];
}

/// A truth about two numbers; false where one is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// a = b
    Equal,
    /// a < b
    Less,
    /// a ≤ b
    LessEqual,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterEqual,
}

/// A function of two truth values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// a = b
    Equal,
    /// a ∧ b
    And,
    /// a ∨ b
    Or,
    /// a ⊕ b
    Xor,
}

/// A kernel of f32 arithmetic.
#[derive(Debug)]
pub struct BinaryKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Whether it takes steps other than 0 and 1 for operands and 1 for the result.
    any_step: bool,
    /// y = min(max(a ∘ b, low), high) for all rows of the stretch.
    ///
    /// # Safety
    /// The stretch's elements are valid, those of `a` and `b` to read and those of `y` to write; `y` is the same as
    /// `a` or `b` or shares no element with it. The processor has the kernel's instruction set.
    run: unsafe fn(kind: Arithmetic, clamp: (f32, f32), stretch: &Stretch),
}

/// Rows of operands and result.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    a: *const f32,
    b: *const f32,
    y: *mut f32,
    tile: Tile<3>,
}

/// Elements that are computed before a function is applied to them, so that they are still near.
const CHUNK: usize = 2048;

impl BinaryKernel {
    /// y = f(a ∘ b), elementwise; `y` may coincide with `a` or `b`, of which dimensions with stride 0 are broadcast.
    /// `activations` applies `f` where it is more than a clamp. Dimensions are best merged by
    /// [`crate::Loops::merged`] beforehand, with `y` as the first operand.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn run(
        &self,
        kind: Arithmetic,
        (f, activations): (&Function, &ActivationKernel),
        a: &View<'_, f32>,
        b: &View<'_, f32>,
        y: &mut ViewMut<'_, f32>,
        parallel: &dyn Parallel,
    ) {
        let kernel = |tile: &Tile<3>| {
            let suits = tile.col[0] == 1 && tile.col[1..].iter().all(|&step| step == 0 || step == 1);
            if suits || self.any_step { self } else { &generic::KERNEL }
        };
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
                stretch.with_wide_rows(|stretch| match f.as_clamp() {
                    Some(clamp) => (kernel(tile).run)(kind, clamp, stretch),
                    None => stretch.by_chunks(|chunk| {
                        (kernel(tile).run)(kind, (f32::NEG_INFINITY, f32::INFINITY), chunk);
                        chunk.apply(f, activations);
                    }),
                });
            }
        });
    }
}

/// Rows narrower than this are joined where one operand is the same row again and again.
const NARROW: usize = 32;
/// Elements of a row that stands for several.
const PATTERN: usize = 256;

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
        let mut pattern = [0f32; PATTERN];
        let one = if k == 1 { self.a } else { self.b };
        for (i, to) in pattern[..repeat * cols].iter_mut().enumerate() {
            // SAFETY: the row has `cols` elements.
            *to = unsafe { one.add(i % cols).read() };
        }
        let (wide, mut pitches) = (repeat * cols, [(repeat * cols) as isize; 3]);
        pitches[k] = 0;
        let mut stretch =
            Stretch { tile: Tile { rows: rows / repeat, cols: wide, row: pitches, ..self.tile }, ..*self };
        *if k == 1 { &mut stretch.a } else { &mut stretch.b } = pattern.as_ptr();
        body(&stretch);
        let done = rows / repeat * repeat;
        if done < rows {
            body(&self.part(done, 0, rows - done, cols));
        }
    }

    /// The part that begins at row `r` and column `c`.
    fn part(&self, r: usize, c: usize, rows: usize, cols: usize) -> Stretch {
        let at = |k: usize| r as isize * self.tile.row[k] + c as isize * self.tile.col[k];
        Stretch {
            y: self.y.wrapping_offset(at(0)),
            a: self.a.wrapping_offset(at(1)),
            b: self.b.wrapping_offset(at(2)),
            tile: Tile { rows, cols, ..self.tile },
        }
    }

    /// Calls `body` for parts of about [`CHUNK`] elements.
    fn by_chunks(&self, body: impl Fn(&Stretch)) {
        let (rows, cols) = (self.tile.rows, self.tile.cols);
        let (some_cols, some_rows) = (cols.min(CHUNK), (CHUNK / cols).clamp(1, rows));
        for r in (0..rows).step_by(some_rows) {
            for c in (0..cols).step_by(some_cols) {
                body(&self.part(r, c, some_rows.min(rows - r), some_cols.min(cols - c)));
            }
        }
    }

    /// Applies `f` to the results.
    ///
    /// # Safety
    /// The results are valid to read and to write, and the processor has the kernel's instruction set.
    unsafe fn apply(&self, f: &Function, activations: &ActivationKernel) {
        let Tile { rows, cols, row: [row, ..], col: [col, ..], .. } = self.tile;
        // SAFETY: rows and columns stay below the tile's.
        unsafe {
            if col == 1 && (row == cols as isize || rows == 1) {
                return activations.apply(f, self.y, self.y, rows * cols);
            }
            for r in 0..rows as isize {
                let y = self.y.offset(r * row);
                if col == 1 {
                    activations.apply(f, y, y, cols);
                } else {
                    for c in 0..cols as isize {
                        let y = y.offset(c * col);
                        activations.apply(f, y, y, 1);
                    }
                }
            }
        }
    }
}
