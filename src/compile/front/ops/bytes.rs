//! Tensors of bytes whose scale and zero point are known when compiling: they stay what they are. Signed ones become
//! unsigned, with a zero point that is greater by 128.

use coulter_plan::DType;
use coulter_plan::ops::{dequantize, quantize};

use crate::front::importer::Importer;
use crate::front::node::{Decline, OnnxNode};
use crate::graph::{Op, Quantization, TensorId, Value};

/// Quantization of a whole tensor, its bytes unsigned.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    scale: f32,
    zero: u32,
}

/// The one scale and zero point of a tensor of this type, if they are constant and a plan can hold them.
pub(super) fn known(
    importer: &Importer<'_>,
    scale: TensorId,
    zero_point: Option<TensorId>,
    dtype: DType,
) -> Option<Whole> {
    let first = if dtype == DType::I8 { 128 } else { 0 };
    let [zero] = match zero_point {
        Some(id) => integers(importer, id)?[..].try_into().ok()?,
        None => [0],
    };
    let zero = u32::try_from(zero + first).ok().filter(|&zero| zero <= 255)?;
    let scale = importer.scalar_f32(scale).filter(|_| importer.dtype(scale) == DType::F32)?;
    let usable = scale > 0.0 && scale.is_normal() && (1.0 / scale).is_normal();
    (usable && matches!(dtype, DType::U8 | DType::I8)).then_some(Whole { scale, zero })
}

/// Elements of a constant of integers of up to 32 bits.
pub(super) fn integers(importer: &Importer<'_>, id: TensorId) -> Option<Vec<i32>> {
    let tensor = importer.graph.tensor(id);
    let bytes = &tensor.value.as_ref()?.0;
    match tensor.dtype {
        DType::U8 => Some(bytes.iter().map(|&b| i32::from(b)).collect()),
        DType::I8 => Some(bytes.iter().map(|&b| i32::from(b as i8)).collect()),
        DType::I32 => Some(bytes.as_chunks().0.iter().map(|&b| i32::from_le_bytes(b)).collect()),
        _ => None,
    }
}

/// `x`, f32, as bytes of this type.
pub(super) fn quantized(
    importer: &mut Importer<'_>,
    x: TensorId,
    whole: Whole,
    dtype: DType,
) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    let params = quantize::Params { inverse_scale: 1.0 / whole.scale, zero_point: whole.zero };
    let y = importer.emit(Op::Quantize(params), &[x], DType::U8, &shape)?;
    importer.graph.tensors[y.0].quantization = Some(Quantization::whole(whole.scale, whole.zero as i32));
    if dtype == DType::U8 {
        return Ok(y);
    }
    // The model's tensor of this meaning is the one before it was quantized: what it is quantized to is signed.
    importer.graph.tensors[y.0].origin = importer.graph.tensor(x).origin.clone();
    signed(importer, y)
}

/// The real numbers that bytes stand for.
pub(super) fn dequantized(importer: &mut Importer<'_>, x: TensorId, whole: Whole) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    let x = unsigned(importer, x)?;
    let params = dequantize::Params { scale: whole.scale, zero_point: whole.zero };
    importer.emit(Op::Dequantize(params), &[x], DType::F32, &shape)
}

/// Bytes as unsigned ones: signed ones become greater by 128.
pub(super) fn unsigned(importer: &mut Importer<'_>, x: TensorId) -> Result<TensorId, Decline> {
    if importer.dtype(x) == DType::I8 { flipped(importer, x, DType::U8) } else { Ok(x) }
}

/// What [`unsigned`] made of signed bytes, signed again.
pub(super) fn signed(importer: &mut Importer<'_>, x: TensorId) -> Result<TensorId, Decline> {
    flipped(importer, x, DType::I8)
}

/// Signed bytes as unsigned ones, greater by 128, or back.
fn flipped(importer: &mut Importer<'_>, x: TensorId, dtype: DType) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    let name = importer.made_name();
    let flips = (0..=255_u8).map(|byte| byte ^ 0x80).collect();
    let table = importer.graph.constant(name, DType::U8, &[256], Value(flips));
    importer.emit(Op::Table, &[x, table], dtype, &shape)
}

/// The real numbers that a constant of integers stands for, as a constant that tells its quantization; `None` where its
/// scales or zero points are not those of a whole tensor or of the indices of `axis`.
pub(super) fn constant(
    importer: &mut Importer<'_>,
    x: TensorId,
    [scale, zero_point]: [Option<TensorId>; 2],
    axis: i64,
) -> Option<TensorId> {
    let values = integers(importer, x)?;
    let scale = scale.filter(|&scale| importer.dtype(scale) == DType::F32)?;
    let scales = importer.f32s(scale)?;
    let zero_points = match zero_point {
        Some(id) => integers(importer, id)?,
        None => vec![0; scales.len()],
    };
    let shape = importer.shape(x);
    let axis = match scales.len() {
        1 => None,
        _ => Some(importer.axis(axis, shape.len()).ok()?),
    };
    let count = axis.map_or(1, |axis| shape[axis]);
    let vector = importer.rank(scale) <= 1;
    if !vector || scales.len() != count || zero_points.len() != count {
        return None;
    }
    let inner: usize = axis.map_or(1, |axis| shape[axis + 1..].iter().product());
    let real = |(i, &q): (usize, &i32)| {
        let channel = i / inner.max(1) % count;
        (q.wrapping_sub(zero_points[channel])) as f32 * scales[channel]
    };
    let reals: Vec<f32> = values.iter().enumerate().map(real).collect();
    let id = importer.constant_f32(&shape, &reals);
    importer.graph.tensors[id.0].quantization = Some(Quantization { scales, zero_points, axis });
    Some(id)
}

/// The real numbers of operand `x` with the scale and the zero point that come after it, or at these places; `None`
/// where they are not constant.
pub(super) fn operand(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    [x, scale, zero_point]: [usize; 3],
    axis: i64,
) -> Result<Option<TensorId>, Decline> {
    let (x, scale, zero_point) = (node.input(x)?, node.input(scale)?, node.optional(zero_point));
    if importer.is_constant(x) {
        return Ok(constant(importer, x, [Some(scale), zero_point], axis));
    }
    match known(importer, scale, zero_point, importer.dtype(x)) {
        Some(whole) => dequantized(importer, x, whole).map(Some),
        None => Ok(None),
    }
}
