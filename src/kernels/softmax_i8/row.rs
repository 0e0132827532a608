//! One row, for the compiler to fit to each instruction set.

use super::Softmax;
use crate::requantize::Requantize;
use crate::table::{ENTRIES, TableKernel};

/// Rows of so many bytes are looked up: making a table of results costs less than as many results.
const LONG: usize = 128;

/// See `SoftmaxKernel::run`.
#[inline(always)]
pub(super) unsafe fn run(how: &Softmax<'_>, tables: &TableKernel, x: *const u8, y: *mut u8, cols: usize) {
    // SAFETY: `i` is below `cols`; a sum of a greatest byte's difference and a byte is at most 255.
    unsafe {
        let mut greatest = 0;
        for i in 0..cols {
            greatest = greatest.max(x.add(i).read());
        }
        let shift = usize::from(255 - greatest);
        let exponentials = &how.exponentials[shift..];
        let mut sum = 0u64;
        for i in 0..cols {
            sum += u64::from(exponentials[usize::from(x.add(i).read())]);
        }
        let factor = how.inverse_scale / sum as f32;
        let all = Requantize { zero: how.zero, low: 0, high: 255 };
        let of = |e: u32| all.round(e as f32 * factor);
        if cols < LONG {
            for i in 0..cols {
                y.add(i).write(of(exponentials[usize::from(x.add(i).read())]));
            }
            return;
        }
        let mut table = [0u8; ENTRIES];
        for (to, &e) in table.iter_mut().zip(exponentials) {
            *to = of(e);
        }
        (tables.line)(&table, x, y, cols);
    }
}
