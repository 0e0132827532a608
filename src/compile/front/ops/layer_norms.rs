//! Normalizations over the last dimensions, over groups, and by norms.

use coulter_plan::ops::binary::Kind as Binary;
use coulter_plan::ops::normalize::{Kind, Params};
use coulter_plan::ops::reduce::Kind as Reduce;
use coulter_plan::{Activation, ActivationKind, DType};

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// Normalizes rows of all dimensions from `axis` on; `scale` and `shift` have those dimensions, or are broadcast.
fn rows(
    importer: &mut Importer<'_>,
    kind: Kind,
    epsilon: f32,
    x: TensorId,
    axis: usize,
    [scale, shift]: [Option<TensorId>; 2],
) -> Result<TensorId, Decline> {
    importer.expect_dtype(x, DType::F32)?;
    let shape = importer.shape(x);
    let (outer, inner) = (shape[..axis].iter().product(), shape[axis..].iter().product());
    let flat = importer.reshape(x, &[outer, inner])?;
    let mut inputs = vec![Some(flat)];
    for parameter in [scale, shift] {
        inputs.push(match parameter {
            Some(parameter) => {
                let whole = importer.broadcast_to(parameter, &shape[axis..])?;
                Some(importer.reshape(whole, &[inner])?)
            }
            None => None,
        });
    }
    let params = Params { kind, epsilon, activation: Activation::IDENTITY };
    let y = importer.emit_optional(Op::Normalize(params), &inputs, DType::F32, &[outer, inner])?;
    importer.reshape(y, &shape)
}

/// Input `i`, if it is there, as f32.
fn wide(importer: &mut Importer<'_>, node: &OnnxNode<'_>, i: usize) -> Result<Option<TensorId>, Decline> {
    let Some(id) = node.optional(i) else { return Ok(None) };
    let (id, _) = importer.widened(id)?;
    importer.expect_dtype(id, DType::F32)?;
    Ok(Some(id))
}

/// The axis, and all after it.
fn from_axis(importer: &Importer<'_>, node: &OnnxNode<'_>, x: TensorId) -> Result<Vec<usize>, Decline> {
    let rank = importer.rank(x);
    let axis = importer.axis(node.int_or("axis", -1)?, rank)?;
    Ok((axis..rank).collect())
}

/// LayerNormalization, with the mean and the reciprocal deviation where they are wanted.
pub(super) fn layer(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let axes = from_axis(importer, node, x)?;
    let epsilon = node.float_or("epsilon", 1e-5)?;
    let parameters = [wide(importer, node, 1)?, wide(importer, node, 2)?];
    let y = rows(importer, Kind::Layer, epsilon, x, axes[0], parameters)?;
    let mut outputs = vec![Some(importer.cast(y, dtype)?), None, None];
    if node.wants(1) || node.wants(2) {
        let mean = importer.reduce(Reduce::Mean, x, &axes, true)?;
        let centred = importer.binary(Binary::Sub, x, mean)?;
        outputs[1] = Some(mean);
        outputs[2] = Some(reciprocal_deviation(importer, centred, &axes, epsilon)?);
    }
    Ok(outputs)
}

/// RMSNormalization and SimplifiedLayerNormalization, with the reciprocal root where it is wanted.
pub(super) fn rms(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let axes = from_axis(importer, node, x)?;
    let epsilon = node.float_or("epsilon", 1e-5)?;
    let scale = wide(importer, node, 1)?;
    let y = rows(importer, Kind::Rms, epsilon, x, axes[0], [scale, None])?;
    let mut outputs = vec![Some(importer.cast(y, dtype)?)];
    if node.wants(1) {
        outputs.push(Some(reciprocal_deviation(importer, x, &axes, epsilon)?));
    }
    Ok(outputs)
}

/// 1/√(mean(x²) + epsilon)
fn reciprocal_deviation(
    importer: &mut Importer<'_>,
    x: TensorId,
    axes: &[usize],
    epsilon: f32,
) -> Result<TensorId, Decline> {
    let squares = importer.function(x, ActivationKind::Square)?;
    let variance = importer.reduce(Reduce::Mean, squares, axes, true)?;
    let raised = importer.affine(variance, 1.0, epsilon)?;
    importer.function(raised, ActivationKind::Rsqrt)
}

/// The sum of input, skip and bias, normalized; outputs 1 and 2 are not given, output 3 is the sum.
pub(super) fn skip(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let simplified = node.op() == "SkipSimplifiedLayerNormalization";
    let (kind, bias) = if simplified { (Kind::Rms, 3) } else { (Kind::Layer, 4) };
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let skip = wide(importer, node, 1)?.ok_or_else(|| Decline::broken("input 1 is missing"))?;
    let mut sum = importer.binary(Binary::Add, x, skip)?;
    if let Some(bias) = wide(importer, node, bias)? {
        sum = importer.binary(Binary::Add, sum, bias)?;
    }
    if importer.shape(sum) != importer.shape(x) {
        return Err(Decline::broken("the skip is larger than the input"));
    }
    if node.wants(1) || node.wants(2) {
        return Err(Decline::problem("its mean is wanted", crate::front::distrust::REPLACE));
    }
    let scale = wide(importer, node, 2)?;
    let shift = if simplified { None } else { wide(importer, node, 3)? };
    let last = importer.rank(x).checked_sub(1).ok_or_else(|| Decline::broken("a scalar"))?;
    let y = rows(importer, kind, node.float_or("epsilon", 1e-12)?, sum, last, [scale, shift])?;
    Ok(vec![Some(importer.cast(y, dtype)?), None, None, Some(importer.cast(sum, dtype)?)])
}

/// A factor and an addend for each channel of `[N, C, ..]`.
fn per_channel(
    importer: &mut Importer<'_>,
    y: TensorId,
    scale: TensorId,
    shift: TensorId,
) -> Result<TensorId, Decline> {
    let mut along = vec![1; importer.rank(y)];
    along[1] = importer.shape(y)[1];
    let (scale, shift) = (importer.reshape(scale, &along)?, importer.reshape(shift, &along)?);
    let product = importer.binary(Binary::Mul, y, scale)?;
    importer.binary(Binary::Add, product, shift)
}

/// Group and instance normalization: rows are all of a group's channels, a group of an instance being one channel. Before
/// version 21 groups have one factor for all their channels.
pub(super) fn group(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let shape = importer.shape(x);
    let &[batch, channels, ..] = &shape[..] else {
        return Err(Decline::broken(format!("{shape:?} has no channels")));
    };
    let groups = match node.op() {
        "InstanceNormalization" => channels,
        _ => usize::try_from(node.int_or("num_groups", 0)?).unwrap_or(0),
    };
    if groups == 0 && channels > 0 || groups > 0 && channels % groups != 0 {
        return Err(Decline::broken(format!("{groups} groups of {channels} channels")));
    }
    let missing = || Decline::broken("scale or shift is missing");
    let scale = wide(importer, node, 1)?.ok_or_else(missing)?;
    let shift = wide(importer, node, 2)?.ok_or_else(missing)?;
    let size = channels / groups.max(1) * shape[2..].iter().product::<usize>();
    let grouped = importer.reshape(x, &[batch, groups, size])?;
    let y = rows(importer, Kind::Layer, node.float_or("epsilon", 1e-5)?, grouped, 2, [None, None])?;
    let y = if importer.shape(scale) == [groups] && groups != channels {
        let y = per_channel(importer, y, scale, shift)?;
        importer.reshape(y, &shape)?
    } else {
        let y = importer.reshape(y, &shape)?;
        per_channel(importer, y, scale, shift)?
    };
    one(importer.cast(y, dtype)?)
}

/// x by its norm along an axis; 0 where that is 0.
pub(super) fn lp(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let axis = importer.axis(node.int_or("axis", -1)?, importer.rank(x))?;
    let kind = match node.int_or("p", 2)? {
        1 => Reduce::L1,
        2 => Reduce::L2,
        p => return Err(Decline::broken(format!("the norm {p}"))),
    };
    let norm = importer.reduce(kind, x, &[axis], true)?;
    let least = Activation { kind: ActivationKind::Clamp, a: f32::MIN_POSITIVE, b: f32::INFINITY };
    let norm = importer.unary(norm, least)?;
    let y = importer.binary(Binary::Div, x, norm)?;
    one(importer.cast(y, dtype)?)
}

/// (x − mean) / (√variance + 1e-9)
pub(super) fn mean_variance(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let axes = importer.axes(node.ints("axes")?.unwrap_or(&[0, 2, 3]), importer.rank(x))?;
    let mean = importer.reduce(Reduce::Mean, x, &axes, true)?;
    let centred = importer.binary(Binary::Sub, x, mean)?;
    let squares = importer.function(centred, ActivationKind::Square)?;
    let variance = importer.reduce(Reduce::Mean, squares, &axes, true)?;
    let deviation = importer.function(variance, ActivationKind::Sqrt)?;
    let raised = importer.affine(deviation, 1.0, 1e-9)?;
    let y = importer.binary(Binary::Div, centred, raised)?;
    one(importer.cast(y, dtype)?)
}

/// 1 at the first of the greatest along an axis, 0 elsewhere. Before version 13 all dimensions from the axis on are one.
pub(super) fn hardmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let shape = importer.shape(x);
    let old = node.opset < 13;
    let axis = importer.axis(node.int_or("axis", if old { 1 } else { -1 })?, shape.len())?;
    let (x, axis) = match old {
        true => (importer.reshape(x, &[shape[..axis].iter().product(), shape[axis..].iter().product()])?, 1),
        false => (x, axis),
    };
    let mut along = vec![1; importer.rank(x)];
    along[axis] = importer.shape(x)[axis];
    let places: Vec<i64> = (0..along[axis] as i64).collect();
    let places = importer.constant_i64(&along, &places);
    let greatest = importer.reduce(Reduce::ArgMax, x, &[axis], true)?;
    let y = importer.binary(Binary::Equal, greatest, places)?;
    let y = importer.reshape(y, &shape)?;
    one(importer.cast(y, dtype)?)
}
