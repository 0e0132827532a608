//! What the operators' checks are made of.

use core::ops::RangeInclusive;

use crate::dtype::DType;
use crate::error::OpError;
use crate::format::ALIGN;
use crate::plan::Operands;
use crate::tensor::{Space, Tensor};

/// Columns of a packed panel of f32 weights.
pub(crate) const PANEL: u64 = 16;

/// Lets through what holds.
pub(crate) fn ensure(holds: bool, otherwise: OpError) -> Result<(), OpError> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// The counts of operands, those left out included.
pub(crate) fn arity(
    operands: &Operands<'_>,
    inputs: RangeInclusive<usize>,
    outputs: RangeInclusive<usize>,
) -> Result<(), OpError> {
    let fits = inputs.contains(&operands.input_count()) && outputs.contains(&operands.output_count());
    ensure(fits, OpError::Arity)
}

/// Input `i`, which must be there.
pub(crate) fn input(operands: &Operands<'_>, i: usize) -> Result<Tensor, OpError> {
    operands.input(i).ok_or(OpError::Arity)
}

/// Output `i`, which must be there.
pub(crate) fn output(operands: &Operands<'_>, i: usize) -> Result<Tensor, OpError> {
    operands.output(i).ok_or(OpError::Arity)
}

/// Input `i`, which must be there and f32.
pub(crate) fn input_f32(operands: &Operands<'_>, i: usize) -> Result<Tensor, OpError> {
    input_typed(operands, i, DType::F32)
}

/// Output `i`, which must be there and f32.
pub(crate) fn output_f32(operands: &Operands<'_>, i: usize) -> Result<Tensor, OpError> {
    output_typed(operands, i, DType::F32)
}

/// Input `i`, which must be there and of this type.
pub(crate) fn input_typed(operands: &Operands<'_>, i: usize, dtype: DType) -> Result<Tensor, OpError> {
    typed(input(operands, i)?, dtype)
}

/// Output `i`, which must be there and of this type.
pub(crate) fn output_typed(operands: &Operands<'_>, i: usize, dtype: DType) -> Result<Tensor, OpError> {
    typed(output(operands, i)?, dtype)
}

fn typed(tensor: Tensor, dtype: DType) -> Result<Tensor, OpError> {
    ensure(tensor.dtype == dtype, OpError::Type)?;
    Ok(tensor)
}

/// A number that a byte can hold.
pub(crate) fn byte(value: u32) -> Result<(), OpError> {
    ensure(value <= 255, OpError::Params)
}

/// Bounds of bytes.
pub(crate) fn byte_range(low: u32, high: u32) -> Result<(), OpError> {
    ensure(low <= high && high <= 255, OpError::Params)
}

pub(crate) fn is_f32(tensor: &Tensor) -> Result<(), OpError> {
    ensure(tensor.dtype == DType::F32, OpError::Type)
}

/// Both have the same dimensions.
pub(crate) fn same_dims(a: &Tensor, b: &Tensor) -> Result<(), OpError> {
    ensure(a.dims == b.dims, OpError::Shape)
}

/// The tensor has exactly these dimensions.
pub(crate) fn has_dims(tensor: &Tensor, dims: &[u32]) -> Result<(), OpError> {
    ensure(tensor.dims[..] == *dims, OpError::Shape)
}

/// Row-major without gaps.
pub(crate) fn dense(tensor: &Tensor) -> Result<(), OpError> {
    ensure(tensor.is_dense(), OpError::Layout)
}

/// Rows along the last dimension, at one pitch.
pub(crate) fn rows(tensor: &Tensor) -> Result<(), OpError> {
    ensure(tensor.as_rows().is_some(), OpError::Layout)
}

/// Neighbours along the last dimension lie side by side; the other strides are free.
pub(crate) fn last_contiguous(tensor: &Tensor) -> Result<(), OpError> {
    let last = tensor.dims.last().zip(tensor.strides.last());
    ensure(last.is_some_and(|(&dim, &stride)| dim <= 1 || stride == 1), OpError::Layout)
}

/// Dimensions of a tensor of rank 4, of which all but the batch are at least 1: N, H, W, C.
pub(crate) fn nhwc(tensor: &Tensor) -> Result<[u32; 4], OpError> {
    match tensor.dims[..] {
        [n, h, w, c] if h > 0 && w > 0 && c > 0 => Ok([n, h, w, c]),
        _ => Err(OpError::Shape),
    }
}

/// Constant weights, dense, f32, aligned as the format aligns weights.
pub(crate) fn weights(tensor: &Tensor) -> Result<(), OpError> {
    weights_typed(tensor, DType::F32)
}

/// As [`weights`], of this type.
pub(crate) fn weights_typed(tensor: &Tensor, dtype: DType) -> Result<(), OpError> {
    ensure(tensor.dtype == dtype, OpError::Type)?;
    dense(tensor)?;
    ensure(tensor.space == Space::Weights && tensor.offset.is_multiple_of(ALIGN as u64), OpError::Storage)
}

/// Weights of one dimension of this length.
pub(crate) fn packed(tensor: &Tensor, length: Option<u64>) -> Result<(), OpError> {
    packed_typed(tensor, DType::F32, length)
}

/// As [`packed`], of this type.
pub(crate) fn packed_typed(tensor: &Tensor, dtype: DType, length: Option<u64>) -> Result<(), OpError> {
    weights_typed(tensor, dtype)?;
    match tensor.dims[..] {
        [n] => ensure(length == Some(u64::from(n)), OpError::Shape),
        _ => Err(OpError::Shape),
    }
}

/// Input `i`: f32 room of one dimension in the arena, of at least this length.
pub(crate) fn scratch(operands: &Operands<'_>, i: usize, length: Option<u64>) -> Result<(), OpError> {
    let tensor = input_f32(operands, i)?;
    ensure(tensor.space == Space::Arena, OpError::Storage)?;
    dense(&tensor)?;
    match (&tensor.dims[..], length) {
        (&[n], Some(length)) => ensure(u64::from(n) >= length, OpError::Shape),
        _ => Err(OpError::Shape),
    }
}

/// What follows the weights of a quantized product: bias (i32) and multiplier (f32) of this length, residual?, table?
pub(crate) fn epilogue(operands: &Operands<'_>, length: Option<u64>, output: &Tensor) -> Result<(), OpError> {
    packed_typed(&input(operands, 2)?, DType::I32, length)?;
    packed_typed(&input(operands, 3)?, DType::F32, length)?;
    residual(operands, 4, output)?;
    let Some(table) = operands.input(5) else { return Ok(()) };
    packed_typed(&table, DType::U8, Some(256))
}

/// Input `i`, if it is there, is a residual: rows shaped and typed as the output.
pub(crate) fn residual(operands: &Operands<'_>, i: usize, output: &Tensor) -> Result<(), OpError> {
    let Some(residual) = operands.input(i) else { return Ok(()) };
    ensure(residual.dtype == output.dtype, OpError::Type)?;
    same_dims(&residual, output)?;
    rows(&residual)
}

/// A kernel sliding over one padded dimension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) input: u32,
    pub(crate) kernel: u32,
    pub(crate) stride: u32,
    pub(crate) dilation: u32,
    pub(crate) pad: [u32; 2],
}

/// Highest number that positions along a dimension may reach, so that kernels may count in 32 bits.
const MAX_POSITION: u64 = i32::MAX as u64;

impl Window {
    /// The vertical window and the horizontal one.
    pub(crate) fn pair(
        [_, h, w, _]: [u32; 4],
        kernel: [u32; 2],
        stride: [u32; 2],
        dilation: [u32; 2],
        [top, left, bottom, right]: [u32; 4],
    ) -> [Window; 2] {
        let of =
            |input, i: usize, pad| Window { input, kernel: kernel[i], stride: stride[i], dilation: dilation[i], pad };
        [of(h, 0, [top, bottom]), of(w, 1, [left, right])]
    }

    /// Positions from the kernel's first element to one past its last.
    pub(crate) fn extent(&self) -> Result<u64, OpError> {
        ensure(self.kernel > 0 && self.stride > 0 && self.dilation > 0, OpError::Params)?;
        let extent = u64::from(self.dilation) * (u64::from(self.kernel) - 1) + 1;
        ensure(extent <= MAX_POSITION, OpError::Params)?;
        Ok(extent)
    }

    /// Padded input length, and how far the kernel can move in it.
    fn room(&self) -> Result<(u64, u64), OpError> {
        let extent = self.extent()?;
        let padded = u64::from(self.input) + u64::from(self.pad[0]) + u64::from(self.pad[1]);
        ensure(padded + extent + u64::from(self.stride) <= MAX_POSITION, OpError::Params)?;
        let room = padded.checked_sub(extent).ok_or(OpError::Shape)?;
        Ok((padded, room))
    }

    /// Number of positions, rounded down.
    pub(crate) fn output(&self) -> Result<u64, OpError> {
        Ok(self.room()?.1 / u64::from(self.stride) + 1)
    }

    /// Number of positions, rounded up, of which those that begin in the padding at the end do not count.
    pub(crate) fn output_ceil(&self) -> Result<u64, OpError> {
        let stride = u64::from(self.stride.max(1));
        let beginning_inside = (u64::from(self.input) + u64::from(self.pad[0])).div_ceil(stride);
        Ok((self.room()?.1.div_ceil(stride) + 1).min(beginning_inside))
    }

    /// Output length of the transposed operation, which cuts `pad` off and adds `extra` at the end.
    pub(crate) fn transposed(&self, extra: u32) -> Result<u64, OpError> {
        let extent = self.extent()?;
        let last = u64::from(self.input).checked_sub(1).ok_or(OpError::Shape)?;
        let full = last * u64::from(self.stride) + extent + u64::from(extra);
        ensure(full <= MAX_POSITION, OpError::Shape)?;
        full.checked_sub(u64::from(self.pad[0]) + u64::from(self.pad[1])).ok_or(OpError::Shape)
    }
}

/// An output of rows of shape [n, h, w, c].
pub(crate) fn output_nhwc(output: &Tensor, n: u32, h: u64, w: u64, c: u32) -> Result<(), OpError> {
    rows(output)?;
    let [on, oh, ow, oc] = nhwc(output)?;
    let same = on == n && u64::from(oh) == h && u64::from(ow) == w && oc == c;
    ensure(same, OpError::Shape)
}
