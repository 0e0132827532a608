//! Elementwise function of one f32 tensor. Input and output have the same shape, any strides; the output may be the input.
use crate::{Activation, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// The function.
        pub function: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
