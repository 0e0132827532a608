//! Functions of two and more tensors.

use coulter_plan::ops::binary::Kind;
use coulter_plan::{ActivationKind, DType};

use super::dynamic;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// The two operands. Before version 7 the second may have to be aligned with an axis of the first.
pub(super) fn operands(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<(TensorId, TensorId), Decline> {
    let (a, b) = (node.input(0)?, node.input(1)?);
    if node.opset >= 7 || !node.flag("broadcast")? {
        return Ok((a, b));
    }
    let Some(axis) = node.int("axis")? else { return Ok((a, b)) };
    let (rank, mut shape) = (importer.rank(a), importer.shape(b));
    let axis = importer.axis(axis, rank)?;
    if axis + shape.len() > rank {
        return Err(Decline::broken(format!("{shape:?} does not fit at axis {axis} of rank {rank}")));
    }
    shape.resize(rank - axis, 1);
    Ok((a, importer.reshape(b, &shape)?))
}

/// Add, Sub, Mul, Div.
pub(super) fn binary(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (a, b) = operands(importer, node)?;
    let kind = match node.op() {
        "Add" => Kind::Add,
        "Sub" => Kind::Sub,
        "Mul" => Kind::Mul,
        _ => Kind::Div,
    };
    if kind == Kind::Mul
        && let Some(y) = dynamic::product(importer, node, [a, b])?
    {
        return one(y);
    }
    let y = importer.elementwise(kind, a, b)?;
    if kind == Kind::Mul {
        dynamic::scaled(importer, node, [a, b], y);
    }
    one(y)
}

/// Sum, Mean, Max, Min. The mean of half floats is rounded once.
pub(super) fn variadic(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let kind = match node.op() {
        "Max" => Kind::Max,
        "Min" => Kind::Min,
        _ => Kind::Add,
    };
    let operands = node.all_inputs()?;
    let (first, rest) = operands.split_first().ok_or_else(|| Decline::broken("it has no inputs"))?;
    if node.op() != "Mean" {
        return one(rest.iter().try_fold(*first, |y, &operand| importer.elementwise(kind, y, operand))?);
    }
    let dtype = importer.dtype(*first);
    let (mut sum, _) = importer.widened(*first)?;
    for &operand in rest {
        let (operand, _) = importer.widened(operand)?;
        sum = importer.elementwise(kind, sum, operand)?;
    }
    let y = importer.affine(sum, 1.0 / operands.len() as f32, 0.0)?;
    one(importer.cast(y, dtype)?)
}

/// Mod
pub(super) fn modulo(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (a, b) = (node.input(0)?, node.input(1)?);
    let fmod = node.flag("fmod")?;
    if !fmod && matches!(importer.dtype(a), DType::F32 | DType::F16 | DType::BF16 | DType::F64) {
        return Err(Decline::broken("Mod of floating-point numbers needs fmod = 1"));
    }
    one(importer.elementwise(if fmod { Kind::Fmod } else { Kind::Mod }, a, b)?)
}

/// The result has the base's type, whatever the exponent's is.
pub(super) fn pow(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (a, b) = operands(importer, node)?;
    let dtype = importer.dtype(a);
    let mut base = importer.arithmetic(a)?;
    let mut exponent = importer.arithmetic(b)?;
    if importer.dtype(base) != importer.dtype(exponent) {
        // An integer to a fraction is computed in floating point.
        let common = match (importer.dtype(base), importer.dtype(exponent)) {
            (DType::F32, _) | (_, DType::F32) => DType::F32,
            _ => DType::I64,
        };
        (base, exponent) = (importer.cast(base, common)?, importer.cast(exponent, common)?);
    }
    let rank = importer.rank(base);
    let y = match importer.scalar_f32(exponent) {
        Some(power) if importer.rank(exponent) <= rank && importer.dtype(base) == DType::F32 => {
            constant_power(importer, base, power)?
        }
        _ => importer.binary(Kind::Pow, base, exponent)?,
    };
    one(importer.cast(y, dtype)?)
}

fn constant_power(importer: &mut Importer<'_>, x: TensorId, power: f32) -> Result<TensorId, Decline> {
    if power == 1.0 {
        Ok(x)
    } else if power == 2.0 {
        importer.function(x, ActivationKind::Square)
    } else if power == 0.5 {
        importer.function(x, ActivationKind::Sqrt)
    } else {
        importer.unary(x, coulter_plan::Activation { kind: ActivationKind::PowConst, a: power, b: 0.0 })
    }
}
