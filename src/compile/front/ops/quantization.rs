//! QuantizeLinear and its kin. Where scale and zero point are constants of a whole tensor, bytes stay bytes; else exact
//! steps in floating point do it: 8- and 16-bit integers, and the sums of their products as far as they are kept below
//! 2^24, are whole numbers of f32.

use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::reduce;
use coulter_plan::{ActivationKind, DType};

use super::products::product;
use super::{bytes, convolution, dynamic, qoperators};
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::front::tensors;
use crate::graph::TensorId;

/// Most products of two differences of 8-bit numbers whose sum is exact in f32.
const EXACT_PRODUCTS: usize = (1 << 24) / (255 * 255);

/// Least and greatest number of a type that things are quantized to.
fn range(dtype: DType) -> Result<(f32, f32), Decline> {
    match dtype {
        DType::U8 => Ok((0.0, 255.0)),
        DType::I8 => Ok((-128.0, 127.0)),
        DType::U16 => Ok((0.0, 65535.0)),
        DType::I16 => Ok((-32768.0, 32767.0)),
        other => Err(Decline::fallback(format!("quantization to {other} has no native form"))),
    }
}

/// Scale or zero point in a form that broadcasts with x: of one element, one an index of `axis`, or one a block of it.
fn spread(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    parameter: TensorId,
    shape: &[usize],
) -> Result<TensorId, Decline> {
    let given = importer.shape(parameter);
    if importer.graph.tensor(parameter).len() == 1 {
        return importer.reshape(parameter, &vec![1; shape.len()]);
    }
    let axis = importer.axis(node.int_or("axis", 1)?, shape.len())?;
    if given == [shape[axis]] {
        return importer.along(parameter, axis, shape.len());
    }
    let block = usize::try_from(node.int_or("block_size", 0)?).ok().filter(|&b| b > 0);
    let blocks = |block: usize| shape[axis].div_ceil(block);
    match block {
        Some(block) if given.len() == shape.len() && given[axis] == blocks(block) => {
            let (outer, inner) = (given[..axis].iter().product(), given[axis + 1..].iter().product());
            let apart = importer.reshape(parameter, &[outer, given[axis], 1, inner])?;
            let repeated = importer.broadcast_to(apart, &[outer, given[axis], block, inner])?;
            let mut whole = given;
            whole[axis] *= block;
            let repeated = importer.reshape(repeated, &whole)?;
            importer.slice(repeated, axis, 0, shape[axis], 1)
        }
        _ => Err(Decline::broken(format!("scales or zero points {given:?} for {shape:?}"))),
    }
}

/// `x` f32 to a whole number: rounded, moved by the zero point, cut to the range of the type.
fn to_whole(
    importer: &mut Importer<'_>,
    x: TensorId,
    zero_point: Option<TensorId>,
    dtype: DType,
) -> Result<TensorId, Decline> {
    let (low, high) = range(dtype)?;
    let mut y = importer.function(x, ActivationKind::RoundEven)?;
    if let Some(zero_point) = zero_point {
        let zero_point = importer.cast(zero_point, DType::F32)?;
        y = importer.add(y, zero_point)?;
    }
    let y = importer.clamp(y, low, high)?;
    importer.cast(y, dtype)
}

/// QuantizeLinear: `x`, `scale`, `zero point`?
pub(super) fn quantize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let shape = importer.shape(x);
    let zero_point = node.optional(2);
    let dtype = match (zero_point, node.int_or("output_dtype", 0)?) {
        (Some(zero_point), _) => importer.dtype(zero_point),
        (None, 0) => DType::U8,
        (None, number) => {
            let found = i32::try_from(number).ok().and_then(tensors::dtype);
            found.ok_or_else(|| Decline::fallback(format!("output_dtype {number} has no native form")))?
        }
    };
    let x = importer.cast(x, DType::F32)?;
    if let Some(whole) = bytes::known(importer, node.input(1)?, zero_point, dtype)
        && !importer.is_constant(x)
    {
        return one(bytes::quantized(importer, x, whole, dtype)?);
    }
    let scale = importer.cast(node.input(1)?, DType::F32)?;
    let scale = spread(importer, node, scale, &shape)?;
    let zero_point = zero_point.map(|z| spread(importer, node, z, &shape)).transpose()?;
    let scaled = importer.div(x, scale)?;
    one(to_whole(importer, scaled, zero_point, dtype)?)
}

/// DequantizeLinear: `x`, `scale`, `zero point`?
pub(super) fn dequantize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let shape = importer.shape(x);
    let dtype = importer.dtype(node.input(1)?);
    let known = bytes::operand(importer, node, [0, 1, 2], node.int_or("axis", 1)?)?;
    if let Some(y) = known {
        return one(y);
    }
    let difference = match node.optional(2) {
        Some(zero_point) => {
            let zero_point = spread(importer, node, zero_point, &shape)?;
            let (x, zero_point) = (importer.cast(x, DType::I32)?, importer.cast(zero_point, DType::I32)?);
            importer.sub(x, zero_point)?
        }
        None => x,
    };
    let difference = importer.cast(difference, DType::F32)?;
    let scale = importer.cast(node.input(1)?, DType::F32)?;
    let scale = spread(importer, node, scale, &shape)?;
    let y = importer.mul(difference, scale)?;
    one(importer.cast(y, dtype)?)
}

/// DynamicQuantizeLinear: gives `y` u8, its scale and its zero point. All zeros have the scale 1.
pub(super) fn dynamic_quantize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    importer.expect_dtype(x, DType::F32)?;
    let all: Vec<usize> = (0..importer.rank(x)).collect();
    let zero = importer.scalar(0.0, DType::F32, 0);
    let greatest = importer.reduce(reduce::Kind::Max, x, &all, false)?;
    let greatest = importer.binary(Kind::Max, greatest, zero)?;
    let least = importer.reduce(reduce::Kind::Min, x, &all, false)?;
    let least = importer.binary(Kind::Min, least, zero)?;
    let width = importer.sub(greatest, least)?;
    let levels = importer.scalar(255.0, DType::F32, 0);
    let scale = importer.div(width, levels)?;
    let flat = importer.compare(Kind::Equal, width, 0.0)?;
    let scale = importer.replaced(flat, 1.0, scale)?;
    let scaled = importer.div(least, scale)?;
    let moved = importer.affine(scaled, -1.0, 0.0)?;
    let zero_point = to_whole(importer, moved, None, DType::U8)?;
    let scaled = importer.div(x, scale)?;
    let y = to_whole(importer, scaled, Some(zero_point), DType::U8)?;
    dynamic::quantized(importer, node, x, [y, scale, zero_point]);
    Ok(vec![Some(y), Some(scale), Some(zero_point)])
}

/// x − zero point, as f32: whole numbers of at most 9 bits. `row` says that a vector of zero points is one a row of the
/// matrix, else it is one a column.
fn centered(
    importer: &mut Importer<'_>,
    x: TensorId,
    zero_point: Option<TensorId>,
    row: bool,
) -> Result<TensorId, Decline> {
    if !matches!(importer.dtype(x), DType::I8 | DType::U8) {
        return Err(Decline::broken(format!("integers of 8 bits are expected, not {}", importer.dtype(x))));
    }
    let (rank, shape) = (importer.rank(x), importer.shape(x));
    let x = importer.cast(x, DType::F32)?;
    let Some(zero_point) = zero_point else { return Ok(x) };
    let zero_point = importer.cast(zero_point, DType::F32)?;
    let count = importer.graph.tensor(zero_point).len();
    let zero_point = match (importer.rank(zero_point), rank) {
        _ if count == 1 => importer.reshape(zero_point, &vec![1; rank])?,
        (1, 2..) if row && count == shape[rank - 2] => importer.along(zero_point, rank - 2, rank)?,
        (1, 2..) if !row && count == shape[rank - 1] => importer.along(zero_point, rank - 1, rank)?,
        (1, _) => return Err(Decline::broken(format!("{count} zero points for {shape:?}"))),
        _ => zero_point,
    };
    importer.sub(x, zero_point)
}

/// The exact product of whole numbers of at most 9 bits, as i32, or as f32 where `wide` is not wanted.
fn whole_product(importer: &mut Importer<'_>, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
    let depth = *importer.shape(a).last().ok_or_else(|| Decline::broken("a factor of rank 0"))?;
    let mut total = None;
    for start in (0..depth).step_by(EXACT_PRODUCTS) {
        let count = EXACT_PRODUCTS.min(depth - start);
        let (of_a, of_b) = (importer.rank(a) - 1, importer.rank(b).saturating_sub(2));
        let a = importer.slice(a, of_a, start, count, 1)?;
        let b = importer.slice(b, of_b, start, count, 1)?;
        let part = product(importer, a, b)?;
        let part = importer.cast(part, DType::I32)?;
        total = Some(match total {
            None => part,
            Some(total) => importer.add(total, part)?,
        });
    }
    total.ok_or_else(|| Decline::fallback("a product over no elements has no native form"))
}

/// MatMulInteger: `a`, `b`, `a`'s zero points?, `b`'s zero points?
pub(super) fn mat_mul_integer(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let a = centered(importer, node.input(0)?, node.optional(2), true)?;
    let b = centered(importer, node.input(1)?, node.optional(3), false)?;
    let sums = whole_product(importer, a, b)?;
    dynamic::multiplied(importer, node, sums);
    let why = "exact in f32: no DynamicQuantizeLinear makes what it multiplies with constant weights and scales";
    importer.graph.reasons.insert(node.name.clone(), why.into());
    one(sums)
}

/// ConvInteger: `x`, `w`, `x`'s zero point?, `w`'s zero points? Padding is the zero point.
pub(super) fn conv_integer(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (of_x, of_w) = (importer.shape(node.input(0)?), importer.shape(node.input(1)?));
    let (&[_, channels, ..], &[outputs, group, ref kernel @ ..]) = (&of_x[..], &of_w[..]) else {
        return Err(Decline::broken(format!("weights {of_w:?} for {of_x:?}")));
    };
    let zero_points = match node.optional(3) {
        Some(id) if importer.graph.tensor(id).len() == outputs => Some(importer.along(id, 0, of_w.len())?),
        other => other,
    };
    let x = centered(importer, node.input(0)?, node.optional(2), true)?;
    let w = centered(importer, node.input(1)?, zero_points, false)?;
    let pixels: usize = kernel.iter().product();
    let most = EXACT_PRODUCTS / pixels.max(1);
    if most == 0 || (group > most && group != channels) {
        return Err(Decline::fallback(format!("sums of {} products are not exact in f32", pixels * group)));
    }
    let mut total = None;
    for start in (0..group).step_by(most) {
        let count = most.min(group - start);
        let whole = count == group;
        let part = if whole { x } else { importer.slice(x, 1, start, count, 1)? };
        let weights = if whole { w } else { importer.slice(w, 1, start, count, 1)? };
        let sum = qoperators::plain(importer, node, "Conv", convolution::conv, vec![Some(part), Some(weights)])?;
        let sum = importer.cast(sum, DType::I32)?;
        total = Some(match total {
            None => sum,
            Some(total) => importer.add(total, sum)?,
        });
    }
    let sums = total.ok_or_else(|| Decline::fallback("a product over no elements has no native form"))?;
    let all = |name: &str, value: i64| Ok::<_, Decline>(node.ints(name)?.is_none_or(|v| v.iter().all(|&v| v == value)));
    if node.int_or("group", 1)? == 1 && all("strides", 1)? && all("pads", 0)? {
        dynamic::convolved(importer, node, sums);
    }
    let why =
        "exact in f32: of convolutions whose scale is found when running, only those of single pixels have 8 bits";
    importer.graph.reasons.insert(node.name.clone(), why.into());
    one(sums)
}

/// QLinearMatMul: `a`, its scale and zero point, the same of `b`, scale and zero point of the result.
pub(super) fn linear_mat_mul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let signed = importer.dtype(node.input(7)?) == DType::I8;
    if signed && !importer.is_constant(node.input(6)?) {
        return Err(Decline::problem(
            "ONNX's specification and its reference disagree on i8 results out of range, and its scales are computed",
            "make the scales constants, or the result u8",
        ));
    }
    let a = centered(importer, node.input(0)?, Some(node.input(2)?), true)?;
    let b = centered(importer, node.input(3)?, Some(node.input(5)?), false)?;
    let sum = whole_product(importer, a, b)?;
    let sum = importer.cast(sum, DType::F32)?;
    let rank = importer.rank(sum);
    let mut factor = None;
    for (i, row) in [(1, true), (4, false), (6, true)] {
        let scale = importer.cast(node.input(i)?, DType::F32)?;
        let scale = match (importer.graph.tensor(scale).len(), rank) {
            (1, _) => importer.reshape(scale, &vec![1; rank])?,
            (_, 2..) if importer.rank(scale) == 1 => {
                importer.along(scale, if row { rank - 2 } else { rank - 1 }, rank)?
            }
            _ => scale,
        };
        factor = Some(match factor {
            None => scale,
            Some(factor) if i == 6 => importer.div(factor, scale)?,
            Some(factor) => importer.mul(factor, scale)?,
        });
    }
    let factor = factor.ok_or_else(|| Decline::broken("scales are missing"))?;
    let scaled = importer.mul(sum, factor)?;
    let zero_point = node.input(7)?;
    let dtype = importer.dtype(zero_point);
    let zero_point = match (importer.graph.tensor(zero_point).len(), rank) {
        (1, _) => importer.reshape(zero_point, &vec![1; rank])?,
        (_, 2..) if importer.rank(zero_point) == 1 => importer.along(zero_point, rank - 2, rank)?,
        _ => zero_point,
    };
    one(to_whole(importer, scaled, Some(zero_point), dtype)?)
}
