//! From 8 bits to f32: y = (x − zero_point) · scale. The difference is exact, the product one f32 multiplication.

mod line;
#[cfg(test)]
mod tests;

use crate::walk::loops_of;
use crate::{Isa, Parallel, View, ViewMut};

crate::kernels! { DequantizeKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// What bytes stand for.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Of one step.
    pub scale: f32,
    /// Stands for 0.
    pub zero_point: u8,
}

/// A kernel that gives bytes their meaning.
#[derive(Debug)]
pub struct DequantizeKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Converts so many contiguous elements.
    ///
    /// # Safety
    /// The elements are valid to read and to write respectively and share no byte; the processor has the kernel's
    /// instruction set.
    line: unsafe fn(how: &Scale, x: *const u8, y: *mut f32, len: usize),
}

/// Elements that are brought together where they do not lie side by side.
const CHUNK: usize = 64;

impl DequantizeKernel {
    /// y = (x − zero_point) · scale, of any strides. Dimensions are best merged by [`crate::Loops::merged`] beforehand,
    /// with `y` as the first operand.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn run(&self, how: &Scale, x: &View<'_, u8>, y: &mut ViewMut<'_, f32>, parallel: &dyn Parallel) {
        loops_of!(y, x).each(parallel, &|tile| {
            let ([y_row, x_row], [y_col, x_col]) = (tile.row, tile.col);
            for r in 0..tile.rows as isize {
                // SAFETY: a row of a tile of the loops addresses elements of the two views, which share none.
                unsafe {
                    let x = x.as_ptr().offset(tile.offset[1] + r * x_row);
                    let y = y.as_ptr().offset(tile.offset[0] + r * y_row);
                    self.strided(how, (x, x_col), (y, y_col), tile.cols);
                }
            }
        });
    }

    /// # Safety
    /// As for `line`; the elements lie `x_step` and `y_step` apart.
    unsafe fn strided(&self, how: &Scale, (x, x_step): (*const u8, isize), (y, y_step): (*mut f32, isize), len: usize) {
        if x_step == 1 && y_step == 1 {
            // SAFETY: as the caller promises.
            return unsafe { (self.line)(how, x, y, len) };
        }
        let (mut from, mut to) = ([0u8; CHUNK], [0f32; CHUNK]);
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
}
