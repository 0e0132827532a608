//! A function of one byte: y = table\[x\]. Rescaling from one quantization to another, activations of quantized
//! tensors and the change between signed and unsigned bytes are such functions.
//!
//! Inputs: `x`, u8 or i8 (an i8 counts as the byte that it is), strides of any kind; `table`, u8, dense, in the weights
//! section: `[256]`, or `[C, 256]` with one for each index of x's last dimension C. Output: `y`, u8 or i8, of x's
//! dimensions, neighbours along the last one side by side; it may be x.
use crate::rules;
use crate::tensor::Space;
use crate::{DType, OpError, Operands, params};

params! {
    /// No parameters: the table says it all.
    pub struct Params {}
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[0];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(_: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=2, 1..=1)?;
    let (x, y) = (rules::input(operands, 0)?, rules::output(operands, 0)?);
    let bytes = |dtype| matches!(dtype, DType::U8 | DType::I8);
    rules::ensure(bytes(x.dtype) && bytes(y.dtype), OpError::Type)?;
    rules::last_contiguous(&y)?;
    rules::same_dims(&x, &y)?;
    let table = rules::input_typed(operands, 1, DType::U8)?;
    rules::dense(&table)?;
    rules::ensure(table.space == Space::Weights, OpError::Storage)?;
    let fits = match table.dims[..] {
        [256] => true,
        [c, 256] => x.dims.last() == Some(&c),
        _ => false,
    };
    rules::ensure(fits, OpError::Shape)
}
