//! Batched matrix product of two computed tensors.
//!
//! Inputs: `a [B.., M, K]`, `b [B.., K, N]`, both of the same rank ≥ 2, with any strides (a transposed operand
//! is one with swapped strides, a broadcast batch one with stride 0), `scratch [S]` f32 in the arena.
//! Output: `y [B.., M, N]` dense in its last dimension. y = activation(alpha · a·b).
//! S is at least K · N′, N′ being N rounded up to 16: room to pack one `b`; plus M · K where `a`'s last stride is
//! not 1 ([`scratch_len`]).
use crate::rules::{self, PANEL};
use crate::{Activation, OpError, Operands, Tensor, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Factor of the product.
        pub alpha: f32,
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = Some(2);

/// Least length of the scratch operand for these two factors; `None` when they are not matrices.
pub fn scratch_len(a: &Tensor, b: &Tensor) -> Option<u64> {
    let (&[.., m, k], &[.., n], &a_step) = (&a.dims[..], &b.dims[..], a.strides.last()?) else { return None };
    let packed_b = u64::from(k).checked_mul(u64::from(n).next_multiple_of(PANEL))?;
    let packed_a = if a_step == 1 { 0 } else { u64::from(m).checked_mul(u64::from(k))? };
    packed_b.checked_add(packed_a)
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 3..=3, 1..=1)?;
    let (a, b, y) = (rules::input_f32(operands, 0)?, rules::input_f32(operands, 1)?, rules::output_f32(operands, 0)?);
    rules::last_contiguous(&y)?;
    let (&[ref a_batch @ .., m, k], &[ref b_batch @ .., k_of_b, n], &[ref y_batch @ .., m_of_y, n_of_y]) =
        (&a.dims[..], &b.dims[..], &y.dims[..])
    else {
        return Err(OpError::Shape);
    };
    rules::ensure(a_batch == y_batch && b_batch == y_batch, OpError::Shape)?;
    rules::ensure((k, m, n) == (k_of_b, m_of_y, n_of_y), OpError::Shape)?;
    rules::scratch(operands, 2, scratch_len(&a, &b))?;
    params.activation.check()
}
