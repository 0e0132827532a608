//! Product of real numbers with constant 8-bit weights, quantized as they come. For each row of x, or for all of them
//! together, with greatest = max(0, x..) and least = min(0, x..), in f32:
//!
//! * s = (greatest − least) / 255, or 1 where that is 0; z = clamp(rne(0 − least / s), 0, 255);
//! * q = clamp(rne(x / s) + z, 0, 255);
//! * S = Σ q·w − w_zero·Σ q − z·sums\[c\], an exact 32-bit integer, wrapping;
//! * y = activation(f32(S) · (s · scale\[c\]) + bias\[c\]), each operation rounded, never fused,
//!
//! with rne the nearest integer, ties to even. NaN in x counts as 0; other values that are not finite give any number.
//!
//! Inputs: `x [.., K]`, f32, walked as rows; `weights`, i8, `sums`, i32, what the columns' weights less w_zero add up to,
//! `scale`, f32, and `bias`, f32, or none: one dimension each, packed as those of [`super::qfully_connected`], in the
//! weights section; `scratch` ([`scratch_len`]). Output: `y [.., N]`, f32 rows.
use super::fully_connected::packed_bias_len;
use super::qfully_connected::packed_len;
use crate::rules;
use crate::tensor::Tensor;
use crate::{Activation, DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Whether each row is quantized by itself.
        pub per_row: bool,
        /// Zero point of the stored weights, −128..=127; 0 for symmetric ones.
        pub w_zero: i32,
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = Some(5);

/// Least length of the scratch operand, f32 of one dimension in the arena: for each row two numbers and ⌈K/4⌉ quads of
/// bytes. `None` when `x` is no rows or on overflow.
pub fn scratch_len(x: &Tensor) -> Option<u64> {
    let (rows, k, _) = x.as_rows()?;
    (rows as u64).checked_mul((k as u64).div_ceil(4) + 2)
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 6..=6, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::rows(&x)?;
    rules::rows(&y)?;
    let (Some((&k, x_outer)), Some((&n, y_outer))) = (x.dims.split_last(), y.dims.split_last()) else {
        return Err(OpError::Shape);
    };
    rules::ensure(x_outer == y_outer, OpError::Shape)?;
    let columns = Some(packed_bias_len(n));
    rules::packed_typed(&rules::input(operands, 1)?, DType::I8, packed_len(k, n))?;
    rules::packed_typed(&rules::input(operands, 2)?, DType::I32, columns)?;
    rules::packed(&rules::input(operands, 3)?, columns)?;
    if let Some(bias) = operands.input(4) {
        rules::packed(&bias, columns)?;
    }
    rules::scratch(operands, 5, scratch_len(&x))?;
    rules::ensure((-128..=127).contains(&params.w_zero), OpError::Params)?;
    params.activation.check()
}
