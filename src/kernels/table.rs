//! A function of one byte: y = table\[x\].

#[cfg(test)]
mod tests;

use crate::walk::{Loops, loops_of};
use crate::{Isa, Parallel, View, ViewMut};

crate::kernels! { TableKernel:
    #[cfg(target_arch = "x86_64")] avx512vbmi;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Entries of a table.
pub const ENTRIES: usize = 256;

/// A kernel that looks bytes up.
#[derive(Debug)]
pub struct TableKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// `y[i] = table[x[i]]` for so many contiguous bytes.
    ///
    /// # Safety
    /// `x` is valid for reading and `y` for writing `len` bytes, and they are the same or do not overlap. The processor
    /// has the kernel's instruction set.
    pub(crate) line: unsafe fn(table: &[u8; ENTRIES], x: *const u8, y: *mut u8, len: usize),
}

impl TableKernel {
    /// y = table\[x\], elementwise; `y` may coincide with `x`. Dimensions are best merged by
    /// [`crate::Loops::merged`] beforehand, with `y` as the first operand.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn run(&self, table: &[u8; ENTRIES], x: &View<'_, u8>, y: &mut ViewMut<'_, u8>, parallel: &dyn Parallel) {
        let (loops, y) = (loops_of!(y, x), &*y);
        loops.each(parallel, &|tile| {
            let ([y_row, x_row], [y_col, x_col]) = (tile.row, tile.col);
            for r in 0..tile.rows as isize {
                // SAFETY: a row of a tile of the loops addresses elements of the two views, which are the same or share
                // none; the processor has the kernel's instruction set, or it would not have been selected.
                unsafe {
                    let x = x.as_ptr().offset(tile.offset[1] + r * x_row);
                    let y = y.as_ptr().offset(tile.offset[0] + r * y_row);
                    if y_col == 1 && x_col == 1 || tile.cols == 1 {
                        (self.line)(table, x, y, tile.cols);
                    } else {
                        for i in 0..tile.cols as isize {
                            y.offset(i * y_col).write(table[usize::from(x.offset(i * x_col).read())]);
                        }
                    }
                }
            }
        });
    }

    /// As [`TableKernel::run`], with one table for each index of the last dimension, one after another.
    ///
    /// # Panics
    /// If the dimensions differ, or there is not one table for each index.
    pub fn run_by_channel(&self, tables: &[u8], x: &View<'_, u8>, y: &mut ViewMut<'_, u8>, parallel: &dyn Parallel) {
        let (tables, rest) = tables.as_chunks::<ENTRIES>();
        let last = x.dims().len().wrapping_sub(1);
        assert!(x.dims() == y.dims() && x.dims().last() == Some(&tables.len()), "a table for each channel");
        assert!(rest.is_empty(), "whole tables");
        let pixels = Loops::new(&y.dims()[..last], [&y.strides()[..last], &x.strides()[..last]]).merged();
        let (y, y_step, x_step) = (&*y, y.strides()[last], x.strides()[last]);
        pixels.each(parallel, &|tile| {
            for r in 0..tile.rows as isize {
                for i in 0..tile.cols as isize {
                    let [y_at, x_at] = [0, 1].map(|k| tile.offset[k] + r * tile.row[k] + i * tile.col[k]);
                    for (c, table) in tables.iter().enumerate() {
                        // SAFETY: pixel and channel are those of the two views, and no other task's.
                        unsafe {
                            let x = x.as_ptr().offset(x_at + c as isize * x_step).read();
                            y.as_ptr().offset(y_at + c as isize * y_step).write(table[usize::from(x)]);
                        }
                    }
                }
            }
        });
    }
}
