//! Softmax over the last dimension: y = e^{x − max} / Σ e^{x − max}; `log` gives its logarithm. Input and output are rows;
//! the output may be the input.
use crate::rules;
use crate::{OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Whether the logarithm is given.
        pub log: bool,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[0];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(_params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::same_dims(&x, &y)?;
    rules::rows(&x)?;
    rules::rows(&y)
}
