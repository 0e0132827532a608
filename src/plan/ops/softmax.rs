//! Softmax over the last dimension: y = e^{x − max} / Σ e^{x − max}; `log` gives its logarithm. Input and output are rows;
//! the output may be the input.
use crate::{OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Whether the logarithm is given.
        pub log: bool,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
