//! From 32-bit sums back to 8 bits: the end of every quantized product.
//!
//! Let S be the sum with its bias, an exact 32-bit integer (wrapping where a plan lets it overflow, which no plan of the
//! compiler does), and m the multiplier of its channel: s_x·s_w/s_y, or s_x·s_w/s of the inner quantization, computed in
//! f64 and rounded to f32 once. *rne* is the nearest integer, ties to even, saturating to 32 bits.
//!
//! * Without a residual: y = clamp(rne(f32(S)·m) + zero, low, high).
//! * Plain residual r: y = clamp(rne(f32(S)·m + f32(r − r_zero)·r_scale) + zero, low, high).
//! * Rounded: q = clamp(rne(f32(S)·m) + inner_zero, inner_low, inner_high);
//!   y = clamp(rne(f32(q − inner_zero)·inner_scale + f32(r − r_zero)·r_scale) + zero, low, high).
//!
//! f32(S) is S rounded to the nearest f32, ties to even. Multiplications and additions are single IEEE operations, never
//! fused, in the order written.

use crate::rules::{byte, byte_range};
use crate::{OpError, field_enum, params};

params! {
    /// Quantization and bounds of a result.
    pub struct Requantize {
        /// Zero point, 0..=255.
        pub zero: u32,
        /// Least value: the fused activation's.
        pub low: u32,
        /// Greatest value, at least `low`, at most 255.
        pub high: u32,
    }
}

field_enum! {
    /// How a residual is added.
    pub enum ResidualKind {
        /// To the scaled sum.
        Plain = 0,
        /// To the sum after it was quantized by itself.
        Rounded = 1,
    }
}

params! {
    /// What a residual is and how it is added; without meaning where a step has none.
    pub struct Residual {
        /// How.
        pub kind: ResidualKind,
        /// The residual's scale over that of y.
        pub scale: f32,
        /// The residual's zero point, 0..=255.
        pub zero: u32,
        /// Scale of the inner quantization over that of y.
        pub inner_scale: f32,
        /// The inner quantization.
        pub inner: Requantize,
    }
}

impl Default for Requantize {
    fn default() -> Self {
        Self { zero: 0, low: 0, high: 255 }
    }
}

impl Default for Residual {
    fn default() -> Self {
        Self { kind: ResidualKind::Plain, scale: 0.0, zero: 0, inner_scale: 0.0, inner: Requantize::default() }
    }
}

impl Requantize {
    /// Bytes are bytes.
    pub(crate) fn check(&self) -> Result<(), OpError> {
        byte(self.zero)?;
        byte_range(self.low, self.high)
    }
}

impl Residual {
    /// Bytes are bytes.
    pub(crate) fn check(&self) -> Result<(), OpError> {
        byte(self.zero)?;
        self.inner.check()
    }
}
