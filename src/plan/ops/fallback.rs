//! A sub-model that tract-core runs, on std hosts. Inputs and outputs are dense tensors of any type.
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

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
