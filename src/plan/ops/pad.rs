//! Extends a tensor. Input `x` any strides; output dense; the amounts after follow from the shapes.
//! Negative amounts are not allowed (the compiler slices first).
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

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
