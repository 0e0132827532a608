//! From sums to numbers, for the compiler to fit to each instruction set.

use super::Columns;
use crate::quantize::Division;

/// y = f32(S) · (s · scale) + bias, with S = sum − (z + 1)·sums: the sums began with those of the columns.
#[inline(always)]
pub(super) fn run(sums: &[i32], row: &Division, columns: &Columns<'_>, y: &mut [f32]) {
    let zero = i32::from(row.zero_point) + 1;
    let of_columns = columns.sums.iter().zip(columns.scale);
    for ((y, sum), (column, scale)) in y.iter_mut().zip(sums).zip(of_columns) {
        *y = sum.wrapping_sub(column.wrapping_mul(zero)) as f32 * (row.scale * scale);
    }
    if let Some(bias) = columns.bias {
        y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
    }
}
