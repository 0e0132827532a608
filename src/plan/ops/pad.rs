//! Extends a tensor. Input `x` any strides; output dense, of the same type and rank; the amounts after follow from
//! the shapes. Negative amounts are not allowed (the compiler slices first). Of a dimension d, Reflect adds at most
//! d − 1 on either side, Wrap at most d, and Edge needs d ≥ 1 to add anything.
use crate::rules;
use crate::tensor::MAX_RANK;
use crate::{OpError, Operands, field_enum, params};

field_enum! {
    /// What is put around.
    pub enum Mode {
        /// The constant.
        Constant = 0,
        /// Mirrored without repeating the edge.
        Reflect = 1,
        /// The edge repeated.
        Edge = 2,
        /// The other side.
        Wrap = 3,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// What is put around.
        pub mode: Mode,
        /// Bits of the constant, in the element type's first `size` bytes (low word first).
        pub value: [u32; 2],
        /// Elements before, of each dimension; 0 past the rank.
        pub before: [u32; MAX_RANK],
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let (x, y) = (rules::input(operands, 0)?, rules::output(operands, 0)?);
    rules::ensure(x.dtype == y.dtype, OpError::Type)?;
    rules::dense(&y)?;
    let rank = x.dims.len();
    rules::ensure(y.dims.len() == rank, OpError::Shape)?;
    rules::ensure(params.before[rank..].iter().all(|&n| n == 0), OpError::Params)?;
    for ((&dim, &whole), &before) in x.dims.iter().zip(y.dims.iter()).zip(&params.before) {
        let kept = before.checked_add(dim).ok_or(OpError::Shape)?;
        let after = whole.checked_sub(kept).ok_or(OpError::Shape)?;
        let most = match params.mode {
            Mode::Constant => u32::MAX,
            Mode::Reflect => dim.saturating_sub(1),
            Mode::Edge if dim == 0 => 0,
            Mode::Edge => u32::MAX,
            Mode::Wrap => dim,
        };
        rules::ensure(before.max(after) <= most, OpError::Shape)?;
    }
    Ok(())
}
