//! Takes slices by index: y[.., i.., ..] = x[.., indices[i..], ..]. Inputs `x` (any type and strides), `indices`
//! (i64 or i32, dense; negative ones count from the end). Output dense, of shape
//! x.dims[..axis] ++ indices.dims ++ x.dims[axis+1..]. An index outside is an error of the run.
use crate::{OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Dimension of x that is indexed.
        pub axis: u32,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
