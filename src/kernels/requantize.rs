//! From 32-bit sums back to 8 bits: the end of every quantized product.
//!
//! With S the sum and its bias, m the multiplier of its channel, and rne the nearest integer, ties to even:
//!
//! * without a residual y = clamp(rne(f32(S)·m) + zero, low, high);
//! * with a plain residual r, y = clamp(rne(f32(S)·m + f32(r − r_zero)·r_scale) + zero, low, high);
//! * with a rounded one, q = clamp(rne(f32(S)·m) + inner_zero, inner_low, inner_high) and
//!   y = clamp(rne(f32(q − inner_zero)·inner_scale + f32(r − r_zero)·r_scale) + zero, low, high);
//!
//! and last, where there is a table, y = table\[y\]. Every operation on f32 is a single IEEE one, in the order written.
//! This file is the reference: all instruction sets give its bytes where the numbers that are rounded are below 2³¹ in
//! magnitude, and none is NaN.

use crate::Rows;
use crate::table::{ENTRIES, TableKernel};

#[cfg(test)]
mod tests;

/// Quantization and bounds of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantize {
    /// Zero point.
    pub zero: u8,
    /// Least value.
    pub low: u8,
    /// Greatest value, at least `low`.
    pub high: u8,
}

/// How a residual is added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual {
    /// The residual's scale over that of y.
    pub scale: f32,
    /// The residual's zero point.
    pub zero: u8,
    /// How the sum is quantized by itself before the residual is added; or none.
    pub inner: Option<Inner>,
}

/// A quantization within a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inner {
    /// Its scale over that of y.
    pub scale: f32,
    /// Zero point and bounds.
    pub requantize: Requantize,
}

/// What becomes of the sums of a product.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// For every column of every panel.
    pub bias: &'a [i32],
    /// For every column of every panel.
    pub multiplier: &'a [f32],
    /// Quantization and bounds of y.
    pub requantize: Requantize,
    /// Shaped as y, with which it may coincide; or none.
    pub residual: Option<(Rows<'a, u8>, Residual)>,
    /// 256 bytes that y is looked up in; or none.
    pub table: Option<&'a [u8]>,
    /// What looks it up.
    pub look_up: &'static TableKernel,
}

impl Requantize {
    /// clamp(rne(v) + zero, low, high).
    #[inline(always)]
    pub fn round(&self, v: f32) -> u8 {
        /// Adding it leaves no room for fractions: the sum is rounded to an integer, ties to even.
        const MAGIC: f32 = 12_582_912.0;
        // More than any byte; NaN counts as the least.
        let v = if v > -1024.0 { v } else { -1024.0 };
        let v = if v < 1024.0 { v } else { 1024.0 };
        let q = (v + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32 + i32::from(self.zero);
        q.max(i32::from(self.low)).min(i32::from(self.high)) as u8
    }
}

impl Residual {
    /// What is to be rounded: `v`, the scaled sum, and the residual.
    #[inline(always)]
    pub fn add(&self, v: f32, r: u8) -> f32 {
        let v = match &self.inner {
            None => v,
            Some(inner) => {
                let q = inner.requantize.round(v);
                (i32::from(q) - i32::from(inner.requantize.zero)) as f32 * inner.scale
            }
        };
        v + (i32::from(r) - i32::from(self.zero)) as f32 * self.scale
    }
}

impl Epilogue<'_> {
    /// Whether there are bias and multiplier for so many columns, counting those of whole panels, and a residual, if
    /// any, of such a shape, and a whole table.
    pub(crate) fn fits(&self, padded_columns: usize, rows: usize, columns: usize) -> bool {
        padded_columns <= self.bias.len()
            && padded_columns <= self.multiplier.len()
            && self.residual.as_ref().is_none_or(|(r, _)| r.rows() == rows && r.cols() == columns)
            && self.table.is_none_or(|table| table.len() == ENTRIES)
    }
}
