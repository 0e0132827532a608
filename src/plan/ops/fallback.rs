//! A sub-model that tract-core runs, on std hosts. Inputs and outputs are dense tensors of any type, at most
//! [`MAX_OPERANDS`] of each, none left out. The sub-model lies inside the fallback section and is not empty.
use crate::rules;
use crate::{OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Byte offset of the sub-model in the fallback section.
        pub offset: u32,
        /// Its length in bytes.
        pub length: u32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

/// Most inputs, and most outputs, of a fallback step.
pub const MAX_OPERANDS: usize = 32;

pub(super) fn check(_params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 0..=MAX_OPERANDS, 1..=MAX_OPERANDS)?;
    for i in 0..operands.input_count() {
        rules::dense(&rules::input(operands, i)?)?;
    }
    for i in 0..operands.output_count() {
        rules::dense(&rules::output(operands, i)?)?;
    }
    Ok(())
}
