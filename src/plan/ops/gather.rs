//! Takes slices by index: y[.., i.., ..] = x[.., indices[i..], ..]. Inputs `x` (any type and strides), `indices`
//! (i64 or i32, dense; negative ones count from the end). Output dense, of shape
//! x.dims[..axis] ++ indices.dims ++ x.dims[axis+1..]. An index outside is an error of the run.
use crate::rules;
use crate::{DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Dimension of x that is indexed.
        pub axis: u32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=2, 1..=1)?;
    let (x, indices, y) = (rules::input(operands, 0)?, rules::input(operands, 1)?, rules::output(operands, 0)?);
    let integers = matches!(indices.dtype, DType::I32 | DType::I64);
    rules::ensure(integers && x.dtype == y.dtype, OpError::Type)?;
    rules::dense(&indices)?;
    rules::dense(&y)?;
    let axis = params.axis as usize;
    rules::ensure(axis < x.dims.len(), OpError::Params)?;
    let expected = x.dims[..axis].iter().chain(indices.dims.iter()).chain(&x.dims[axis + 1..]);
    rules::ensure(expected.eq(y.dims.iter()), OpError::Shape)
}
