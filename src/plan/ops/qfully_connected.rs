//! Product of 8-bit numbers with constant weights.
//!
//! Inputs: `x [.., K]`, u8, walked as rows; `weights`, i8, `bias`, i32, and `multiplier`, f32: one dimension each,
//! packed, in the weights section; `residual`, u8, shaped as the output, rows, or none; `table`, u8 `[256]`, in the
//! weights section, or none. Output: `y [.., N]`, u8 rows; it may be the residual. The arithmetic is that of
//! [`super::qconv2d`].
//!
//! Packed weights: panels of 16 output columns, each `[⌈K/4⌉][16][4]`, the last index running over four neighbouring
//! inputs, zeros past K and N ([`packed_len`]); bias and multiplier padded to the panels.
use super::fully_connected::packed_bias_len;
use crate::requantize::{Requantize, Residual};
use crate::rules;
use crate::{DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Zero point of the stored weights, −128..=127; 0 for symmetric ones.
        pub w_zero: i32,
        /// Quantization and bounds of y.
        pub requantize: Requantize,
        /// How the residual is added.
        pub residual: Residual,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[4];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

/// Length of the packed weights of K inputs and N outputs; `None` on overflow.
pub fn packed_len(k: u32, n: u32) -> Option<u64> {
    u64::from(k).next_multiple_of(4).checked_mul(packed_bias_len(n))
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 4..=6, 1..=1)?;
    let x = rules::input_typed(operands, 0, DType::U8)?;
    let y = rules::output_typed(operands, 0, DType::U8)?;
    rules::rows(&x)?;
    rules::rows(&y)?;
    let (Some((&k, x_outer)), Some((&n, y_outer))) = (x.dims.split_last(), y.dims.split_last()) else {
        return Err(OpError::Shape);
    };
    rules::ensure(x_outer == y_outer, OpError::Shape)?;
    rules::packed_typed(&rules::input(operands, 1)?, DType::I8, packed_len(k, n))?;
    rules::epilogue(operands, Some(packed_bias_len(n)), &y)?;
    rules::ensure((-128..=127).contains(&params.w_zero), OpError::Params)?;
    params.requantize.check()?;
    params.residual.check()
}
