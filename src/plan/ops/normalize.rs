//! Normalization over the last dimension of rows: y = activation((x − mean) / √(var + epsilon) · scale + shift)
//! (layer) or y = activation(x / √(mean(x²) + epsilon) · scale + shift) (RMS).
//!
//! Inputs: `x`; `scale [C]` or none; `shift [C]` or none. The output has x's shape and may be x.
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

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
