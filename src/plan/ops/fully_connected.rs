//! Matrix product with constant weights.
//!
//! Inputs: `x [.., K]`, walked as rows; `weights`: one dimension, f32 or f16, packed: panels of 16 output columns,
//! each `[K][16]`, zeros past N ([`packed_len`]); `bias`, padded to the panels ([`packed_bias_len`]), or none, both in
//! the weights section; `residual`, shaped as the output, rows, or none. Weights of 16 bits are widened, the rest is as
//! with f32.
//! Output: `y [.., N]`, rows; it may be the residual. y = activation(x·w + bias [+ residual]).
use crate::rules::{self, PANEL};
use crate::{Activation, DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[3];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

/// Length of the packed weights of K inputs and N outputs; `None` on overflow.
pub fn packed_len(k: u32, n: u32) -> Option<u64> {
    u64::from(k).checked_mul(packed_bias_len(n))
}

/// Length of the packed bias of N outputs.
pub fn packed_bias_len(n: u32) -> u64 {
    u64::from(n).next_multiple_of(PANEL)
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=4, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::rows(&x)?;
    rules::rows(&y)?;
    let (Some((&k, x_outer)), Some((&n, y_outer))) = (x.dims.split_last(), y.dims.split_last()) else {
        return Err(OpError::Shape);
    };
    rules::ensure(x_outer == y_outer, OpError::Shape)?;
    let weights = rules::input(operands, 1)?;
    let dtype = if weights.dtype == DType::F16 { DType::F16 } else { DType::F32 };
    rules::packed_typed(&weights, dtype, packed_len(k, n))?;
    if let Some(bias) = operands.input(2) {
        rules::packed(&bias, Some(packed_bias_len(n)))?;
    }
    rules::residual(operands, 3, &y)?;
    params.activation.check()
}
