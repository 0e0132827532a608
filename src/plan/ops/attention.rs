//! Scaled dot-product attention: y = softmax(scale · q·kᵀ + mask) · v, without materializing the scores
//! beyond a tile of rows.
//!
//! Inputs: `q [B, H, S, D]`, `k [B, H, T, D]`, `v [B, H, T, E]`, any strides with the last one 1; `mask`
//! broadcast to `[B, H, S, T]` by zero strides, f32 added to the scores, or none; `scratch [X]` f32.
//! Output: `y [B, H, S, E]`, any strides with the last one 1.
//! X is at least 16·T + T·D′ + T·E′, D′ and E′ being D and E rounded up to 16.
use crate::{OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Factor of the scores.
        pub scale: f32,
        /// Whether row s attends to columns t ≤ s + T − S alone.
        pub causal: bool,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
