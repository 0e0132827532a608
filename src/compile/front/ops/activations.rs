//! Functions of one tensor.

use coulter_plan::ops::binary::Kind as Binary;
use coulter_plan::{Activation, ActivationKind as Kind, DType};

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// Functions of floating-point numbers alone.
pub(super) fn function(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let function = activation(node)?;
    float(importer, node.input(0)?, function).map(|id| vec![Some(id)])
}

/// The plan's function of an operator.
fn activation(node: &OnnxNode<'_>) -> Result<Activation, Decline> {
    let with = |kind, a, b| Ok(Activation { kind, a, b });
    let alpha = |default| node.float_or("alpha", default);
    Ok(Activation::new(match node.op() {
        "Celu" => return with(Kind::Celu, alpha(1.0)?, 0.0),
        "Elu" => return with(Kind::Elu, alpha(1.0)?, 0.0),
        "HardSigmoid" => return with(Kind::HardSigmoid, alpha(0.2)?, node.float_or("beta", 0.5)?),
        "LeakyRelu" => return with(Kind::LeakyRelu, alpha(0.01)?, 0.0),
        "Selu" => return selu(node),
        "Shrink" => return with(Kind::Shrink, node.float_or("lambd", 0.5)?, node.float_or("bias", 0.0)?),
        "ThresholdedRelu" => return with(Kind::ThresholdedRelu, alpha(1.0)?, 0.0),
        "Gelu" => match node.string_or("approximate", "none")? {
            "none" => Kind::GeluErf,
            "tanh" => Kind::GeluTanh,
            other => return Err(Decline::broken(format!("Gelu's approximation is {other:?}"))),
        },
        "Ceil" => Kind::Ceil,
        "Cos" => Kind::Cos,
        "Erf" => Kind::Erf,
        "Exp" => Kind::Exp,
        "Floor" => Kind::Floor,
        "HardSwish" => Kind::HardSwish,
        "Log" => Kind::Ln,
        "Mish" => Kind::Mish,
        "Reciprocal" => Kind::Recip,
        "Round" => Kind::RoundEven,
        "Sigmoid" => Kind::Sigmoid,
        "Sin" => Kind::Sin,
        "Softplus" => Kind::Softplus,
        "Softsign" => Kind::Softsign,
        "Sqrt" => Kind::Sqrt,
        "Tanh" => Kind::Tanh,
        other => return Err(Decline::fallback(format!("{other} has no native form"))),
    }))
}

/// Its constants were others before version 6.
fn selu(node: &OnnxNode<'_>) -> Result<Activation, Decline> {
    let (alpha, gamma) = if node.opset < 6 { (1.6732, 1.0507) } else { (1.673_263_2, 1.050_701) };
    Ok(Activation { kind: Kind::Selu, a: node.float_or("alpha", alpha)?, b: node.float_or("gamma", gamma)? })
}

/// A function in f32, of half floats too.
fn float(importer: &mut Importer<'_>, x: TensorId, function: Activation) -> Result<TensorId, Decline> {
    let (wide, dtype) = importer.widened(x)?;
    let y = importer.unary(wide, function)?;
    importer.cast(y, dtype)
}

fn is_integer(dtype: DType) -> bool {
    !matches!(dtype, DType::F32 | DType::F16 | DType::BF16 | DType::F64 | DType::Bool)
}

fn is_unsigned(dtype: DType) -> bool {
    matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64)
}

/// |x|
pub(super) fn abs(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let dtype = importer.dtype(x);
    if !is_integer(dtype) {
        return one(float(importer, x, Activation::new(Kind::Abs))?);
    }
    if is_unsigned(dtype) {
        return one(x);
    }
    let negative = negated(importer, x)?;
    one(importer.elementwise(Binary::Max, x, negative)?)
}

/// −x
pub(super) fn neg(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let dtype = importer.dtype(x);
    if !is_integer(dtype) {
        return one(float(importer, x, Activation::new(Kind::Neg))?);
    }
    one(negated(importer, x)?)
}

fn negated(importer: &mut Importer<'_>, x: TensorId) -> Result<TensorId, Decline> {
    let zero = importer.scalar(0.0, importer.dtype(x), importer.rank(x));
    importer.elementwise(Binary::Sub, zero, x)
}

/// −1, 0 or 1
pub(super) fn sign(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let dtype = importer.dtype(x);
    if !is_integer(dtype) {
        return one(float(importer, x, Activation::new(Kind::Sign))?);
    }
    let rank = importer.rank(x);
    let capped = importer.scalar(1.0, dtype, rank);
    let y = importer.elementwise(Binary::Min, x, capped)?;
    if is_unsigned(dtype) {
        return one(y);
    }
    let least = importer.scalar(-1.0, dtype, rank);
    one(importer.elementwise(Binary::Max, y, least)?)
}

/// max(x, 0)
pub(super) fn relu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let dtype = importer.dtype(x);
    if !is_integer(dtype) {
        return one(float(importer, x, Activation::RELU)?);
    }
    let zero = importer.scalar(0.0, dtype, importer.rank(x));
    one(importer.elementwise(Binary::Max, x, zero)?)
}

/// sin x / cos x
pub(super) fn tan(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let (sin, cos) = (importer.function(x, Kind::Sin)?, importer.function(x, Kind::Cos)?);
    let y = importer.binary(Binary::Div, sin, cos)?;
    one(importer.cast(y, dtype)?)
}

/// Bounds are attributes before version 11, then inputs; either may be missing.
pub(super) fn clip(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let dtype = importer.dtype(x);
    let bounds = if node.opset < 11 {
        let mut bound = |name| -> Result<Option<TensorId>, Decline> {
            Ok(node.float(name)?.map(|v| importer.scalar(f64::from(v), dtype, 0)))
        };
        [bound("min")?, bound("max")?]
    } else {
        [node.optional(1), node.optional(2)]
    };
    for bound in bounds.iter().flatten() {
        importer.expect_dtype(*bound, dtype)?;
    }
    let constants = bounds.map(|b| b.map(|b| importer.scalar_f32(b)));
    if !is_integer(dtype) && constants.iter().flatten().all(|c| c.is_some_and(|c| !c.is_nan())) {
        let [low, high] = constants.map(Option::flatten);
        if low.is_none() && high.is_none() {
            return one(x);
        }
        let (a, b) = (low.unwrap_or(f32::NEG_INFINITY), high.unwrap_or(f32::INFINITY));
        return one(float(importer, x, Activation { kind: Kind::Clamp, a, b })?);
    }
    let (mut y, shape) = (x, importer.shape(x));
    for (bound, kind) in bounds.into_iter().zip([Binary::Max, Binary::Min]) {
        if let Some(bound) = bound {
            y = importer.elementwise(kind, y, bound)?;
            y = importer.reshape(y, &shape)?;
        }
    }
    one(y)
}

/// The slope is broadcast to x; a vector that does not fit so belongs to axis 1.
pub(super) fn prelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, mut slope) = (node.input(0)?, node.input(1)?);
    let (shape, of_slope) = (importer.shape(x), importer.shape(slope));
    let fits = node.opset >= 7 && importer.broadcast_shape(&[x, slope]).is_ok_and(|s| s == shape);
    if let (&[channels], false) = (&of_slope[..], fits)
        && shape.len() > 1
        && (channels == shape[1] || channels == 1)
    {
        let mut along = vec![1; shape.len()];
        along[1] = channels;
        slope = importer.reshape(slope, &along)?;
    }
    let y = importer.elementwise(Binary::PRelu, x, slope)?;
    if importer.shape(y) != shape {
        return Err(Decline::broken(format!("slope {of_slope:?} does not broadcast to {shape:?}")));
    }
    one(y)
}
