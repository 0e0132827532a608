//! Comparisons, truth values, choices, conversions.

use coulter_plan::DType;
use coulter_plan::ops::binary::Kind;

use super::arithmetic::operands;
use super::dynamic;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::front::tensors;
use crate::graph::TensorId;

/// Equal, Less, LessOrEqual, Greater, GreaterOrEqual.
pub(super) fn comparison(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (a, b) = operands(importer, node)?;
    let kind = match node.op() {
        "Equal" => Kind::Equal,
        "Less" => Kind::Less,
        "LessOrEqual" => Kind::LessEqual,
        "Greater" => Kind::Greater,
        _ => Kind::GreaterEqual,
    };
    let dtype = importer.dtype(a);
    if dtype == DType::Bool && kind != Kind::Equal {
        return Err(Decline::broken("truth values have no order"));
    }
    one(importer.elementwise(kind, a, b)?)
}

/// And, Or, Xor.
pub(super) fn logical(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (a, b) = operands(importer, node)?;
    let kind = match node.op() {
        "And" => Kind::And,
        "Or" => Kind::Or,
        _ => Kind::Xor,
    };
    importer.expect_dtype(a, DType::Bool)?;
    one(importer.binary(kind, a, b)?)
}

/// Not
pub(super) fn not(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    importer.expect_dtype(x, DType::Bool)?;
    one(negated(importer, x)?)
}

fn negated(importer: &mut Importer<'_>, x: TensorId) -> Result<TensorId, Decline> {
    let truth = importer.scalar(1.0, DType::Bool, importer.rank(x));
    importer.binary(Kind::Xor, x, truth)
}

/// What is not a number is not equal to itself.
pub(super) fn is_nan(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, _) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let equal = importer.binary(Kind::Equal, x, x)?;
    one(negated(importer, equal)?)
}

/// IsInf
pub(super) fn is_inf(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, _) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let rank = importer.rank(x);
    let mut found = None;
    for (name, bound) in [("detect_positive", f64::INFINITY), ("detect_negative", f64::NEG_INFINITY)] {
        if node.int_or(name, 1)? != 0 {
            let bound = importer.scalar(bound, DType::F32, rank);
            let equal = importer.binary(Kind::Equal, x, bound)?;
            found = Some(match found {
                None => equal,
                Some(other) => importer.binary(Kind::Or, other, equal)?,
            });
        }
    }
    match found {
        Some(id) => one(id),
        None => {
            let (never, shape) = (importer.scalar(0.0, DType::Bool, rank), importer.shape(x));
            one(importer.broadcast_to(never, &shape)?)
        }
    }
}

/// Where
pub(super) fn where_(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    one(importer.select(node.input(0)?, node.input(1)?, node.input(2)?)?)
}

/// Cast
pub(super) fn cast(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    // Version 1 wrote the type's name.
    let number = match node.string("to") {
        Ok(Some(name)) => (1..=16).find(|&n| tensors::type_name(n).eq_ignore_ascii_case(name)).map(i64::from),
        _ => node.int("to")?,
    };
    let number = number.ok_or_else(|| Decline::broken("attribute to is missing"))?;
    let number = i32::try_from(number).unwrap_or(0);
    let to = tensors::dtype(number).ok_or_else(|| {
        let name = tensors::type_name(number);
        Decline::problem(format!("elements of type {name} cannot be held"), "export the model with another type")
    })?;
    let x = node.input(0)?;
    let y = importer.cast(x, to)?;
    dynamic::cast(importer, node, x, y);
    one(y)
}

/// CastLike
pub(super) fn cast_like(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let to = importer.dtype(node.input(1)?);
    one(importer.cast(node.input(0)?, to)?)
}
