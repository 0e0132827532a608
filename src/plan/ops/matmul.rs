//! Batched matrix product of two computed tensors.
//!
//! Inputs: `a [B.., M, K]`, `b [B.., K, N]`, both of the same rank ≥ 2, with any strides (a transposed operand
//! is one with swapped strides, a broadcast batch one with stride 0), `scratch [S]` f32 in the arena.
//! Output: `y [B.., M, N]` dense in its last dimension. y = activation(alpha · a·b).
//! S is at least K · N rounded up to 16, room to pack one `b`, plus M · K where `a`'s last stride is not 1.
use crate::{Activation, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Factor of the product.
        pub alpha: f32,
        /// Applied last.
        pub activation: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
