//! Matrix product with constant weights.
//!
//! Inputs: `x [.., K]`, walked as rows; `weights`: one dimension, packed: panels of 16 output columns, each
//! `[K][16]`, zeros past N; `bias`, padded to the panels, or none; `residual`, shaped as the output, or none.
//! Output: `y [.., N]`, rows. y = activation(x·w + bias [+ residual]).
use crate::{Activation, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Applied last.
        pub activation: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
