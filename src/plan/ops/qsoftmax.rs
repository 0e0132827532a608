//! Softmax of 8-bit numbers over the last dimension. With M the greatest x of a row and e = exponentials\[255 − M + x\],
//! y = clamp(rne(f32(e) · (inverse_scale / f32(Σ e))) + zero, 0, 255): the sum is an exact 64-bit integer, the
//! conversions round to nearest even, the quotient is one division, the product one multiplication.
//!
//! Inputs: `x [.., C]`, u8 rows, C at least 1; `exponentials`, u32 `[256]`, dense, in the weights section: the compiler
//! puts round(2³⁰ · e^{s_x·(i − 255)}) at index i. Output: `y`, u8 rows of x's dimensions; it may be x.
use crate::rules;
use crate::tensor::Space;
use crate::{DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// 1 / scale of y.
        pub inverse_scale: f32,
        /// Zero point of y, 0..=255.
        pub zero: u32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[0];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=2, 1..=1)?;
    let x = rules::input_typed(operands, 0, DType::U8)?;
    let y = rules::output_typed(operands, 0, DType::U8)?;
    rules::rows(&x)?;
    rules::rows(&y)?;
    rules::same_dims(&x, &y)?;
    rules::ensure(x.dims.last().is_some_and(|&c| c > 0), OpError::Shape)?;
    let table = rules::input_typed(operands, 1, DType::U32)?;
    rules::dense(&table)?;
    rules::has_dims(&table, &[256])?;
    rules::ensure(table.space == Space::Weights, OpError::Storage)?;
    rules::byte(params.zero)
}
