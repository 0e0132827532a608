//! Normalization over the last dimension of rows: y = activation((x − mean) / √(var + epsilon) · scale + shift)
//! (layer) or y = activation(x / √(mean(x²) + epsilon) · scale + shift) (RMS).
//!
//! Inputs: `x`, rows; `scale [C]` or none; `shift [C]` or none, both dense. The output has x's shape, is rows and
//! may be x.
use crate::rules;
use crate::{Activation, OpError, Operands, field_enum, params};

field_enum! {
    /// Which normalization.
    pub enum Kind {
        /// Layer normalization: mean subtracted.
        Layer = 0,
        /// Root mean square.
        Rms = 1,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// Which.
        pub kind: Kind,
        /// Added to the variance.
        pub epsilon: f32,
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[0];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=3, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::same_dims(&x, &y)?;
    rules::rows(&x)?;
    rules::rows(&y)?;
    let channels = *x.dims.last().ok_or(OpError::Shape)?;
    for i in 1..3 {
        if let Some(tensor) = operands.input(i) {
            rules::is_f32(&tensor)?;
            rules::has_dims(&tensor, &[channels])?;
            rules::dense(&tensor)?;
        }
    }
    params.activation.check()
}
