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
        let mut kept = [0u32; LONG];
        let sum = if cols < LONG {
            for (i, e) in kept[..cols].iter_mut().enumerate() {
                *e = exponentials[usize::from(x.add(i).read())];
            }
            kept.iter().map(|&e| u64::from(e)).sum::<u64>()
        } else {
            (0..cols).map(|i| u64::from(exponentials[usize::from(x.add(i).read())])).sum()
        };
        let factor = how.inverse_scale / sum as f32;
        let all = Requantize { zero: how.zero, low: 0, high: 255 };
        if cols < LONG {
            for (i, &e) in kept[..cols].iter().enumerate() {
                y.add(i).write(all.round(e as f32 * factor));
            }
            return;
        }
        let mut table = [0u8; ENTRIES];
        for (to, &e) in table.iter_mut().zip(exponentials) {
            *to = all.round(e as f32 * factor);
        }
        (tables.line)(&table, x, y, cols);
    }
}
