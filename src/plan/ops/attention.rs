//! Scaled dot-product attention: y = softmax(scale · q·kᵀ + mask) · v, without materializing the scores
//! beyond a tile of rows.
//!
//! Inputs: `q [B, H, S, D]`, `k [B, H, T, D]`, `v [B, H, T, E]`, any strides with the last one 1; `mask`
//! broadcast to `[B, H, S, T]` by zero strides, f32 added to the scores, or none; `scratch [X]` f32.
//! Output: `y [B, H, S, E]`, any strides with the last one 1.
//! X is at least T′·(16 + D) + T·E′, T′ and E′ being T and E rounded up to 16 ([`scratch_len`]). T is at least 1,
//! and with `causal` at least S. A row whose scores are all −∞ gives zeros.
use crate::rules::{self, PANEL};
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

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = Some(4);

/// Least length of the scratch operand for T keys of D elements and values of E; `None` on overflow.
pub fn scratch_len(t: u32, d: u32, e: u32) -> Option<u64> {
    let padded = |n: u32| u64::from(n).next_multiple_of(PANEL);
    let keys = padded(t).checked_mul(PANEL + u64::from(d))?;
    u64::from(t).checked_mul(padded(e))?.checked_add(keys)
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 5..=5, 1..=1)?;
    let [q, k, v] = [0, 1, 2].map(|i| rules::input_f32(operands, i));
    let (q, k, v, y) = (q?, k?, v?, rules::output_f32(operands, 0)?);
    for tensor in [&q, &k, &v, &y] {
        rules::last_contiguous(tensor)?;
    }
    let &[b, h, s, d] = &q.dims[..] else { return Err(OpError::Shape) };
    let &[_, _, t, e] = &v.dims[..] else { return Err(OpError::Shape) };
    rules::has_dims(&k, &[b, h, t, d])?;
    rules::has_dims(&v, &[b, h, t, e])?;
    rules::has_dims(&y, &[b, h, s, e])?;
    rules::ensure(t > 0 && (!params.causal || t >= s), OpError::Shape)?;
    if let Some(mask) = operands.input(3) {
        rules::is_f32(&mask)?;
        rules::has_dims(&mask, &[b, h, s, t])?;
    }
    rules::scratch(operands, 4, scratch_len(t, d, e))
}
