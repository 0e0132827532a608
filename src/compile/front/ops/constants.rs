//! Operators whose results are known when compiling.

use coulter_plan::DType;

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::front::numbers::{self, Number};
use crate::graph::Value;

/// Constant
pub(super) fn constant(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    if let Some(literal) = node.tensor("value")? {
        let name = importer.made_name();
        return one(importer.graph.constant(name, literal.dtype, &literal.shape, literal.value));
    }
    if let Some(value) = node.float("value_float")? {
        return one(importer.constant_f32(&[], &[value]));
    }
    if let Some(values) = node.floats("value_floats")? {
        return one(importer.constant_f32(&[values.len()], values));
    }
    if let Some(value) = node.int("value_int")? {
        return one(importer.constant_i64(&[], &[value]));
    }
    if let Some(values) = node.ints("value_ints")? {
        return one(importer.constant_i64(&[values.len()], values));
    }
    Err(Decline::problem("it holds text or a sparse tensor", "export the model with dense constants of numbers"))
}

/// ConstantOfShape
pub(super) fn constant_of_shape(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let shape = importer.const_i64s(node, 0)?.ok_or_else(|| Decline::broken("input 0 is missing"))?;
    let dims: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    let dims = dims.ok_or_else(|| Decline::broken(format!("shape {shape:?} has a negative dimension")))?;
    let (dtype, value) = match node.tensor("value")? {
        Some(literal) => (literal.dtype, literal.value),
        None => (DType::F32, Value::from_f32(&[0.0])),
    };
    if value.0.len() != dtype.size() {
        return Err(Decline::broken("its value has more than one element"));
    }
    let name = importer.made_name();
    let scalar = importer.graph.constant(name, dtype, &[], value);
    one(importer.broadcast_to(scalar, &dims)?)
}

/// Shape
pub(super) fn shape(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let shape: Vec<i64> = importer.shape(node.input(0)?).iter().map(|&d| d as i64).collect();
    let rank = shape.len() as i64;
    let bound = |i: i64| (if i < 0 { i + rank } else { i }).clamp(0, rank) as usize;
    let (start, end) = (bound(node.int_or("start", 0)?), bound(node.int_or("end", rank)?));
    let part = shape.get(start..end).unwrap_or_default();
    one(importer.constant_i64(&[part.len()], part))
}

/// Size
pub(super) fn size(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let elements: usize = importer.shape(node.input(0)?).iter().product();
    one(importer.constant_i64(&[], &[elements as i64]))
}

/// Longest range made when compiling.
const MAX_RANGE: f64 = (1_u64 << 24) as f64;

/// Range
pub(super) fn range(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let dtype = importer.dtype(node.input(0)?);
    let mut bounds = Vec::new();
    for i in 0..3 {
        let tensor = importer.graph.tensor(node.input(i)?);
        match &tensor.value {
            Some(value) if tensor.len() == 1 && tensor.dtype == dtype => bounds.push(numbers::read(&value.0, dtype)),
            Some(_) => return Err(Decline::broken("start, limit and delta are single numbers of one type")),
            None => return Err(Decline::fallback("the length of the range is computed")),
        }
    }
    let mut bytes = Vec::new();
    let count = match bounds[..] {
        [Number::Int(start), Number::Int(limit), Number::Int(delta)] if delta != 0 => {
            let span = limit - start;
            let count = (span / delta + i128::from(span % delta != 0 && (span < 0) == (delta < 0))).max(0);
            let count = if count as f64 <= MAX_RANGE { count } else { return Err(too_long()) };
            (0..count).for_each(|i| numbers::write(Number::Int(start + i * delta), dtype, &mut bytes));
            count as usize
        }
        [Number::Float(start), Number::Float(limit), Number::Float(delta)] if delta != 0.0 => {
            let count = ((limit - start) / delta).ceil().max(0.0);
            let count = if count <= MAX_RANGE { count as usize } else { return Err(too_long()) };
            (0..count).for_each(|i| numbers::write(Number::Float(start + i as f64 * delta), dtype, &mut bytes));
            count
        }
        _ => return Err(Decline::broken("the step of the range is 0")),
    };
    let name = importer.made_name();
    one(importer.graph.constant(name, dtype, &[count], Value(bytes.into())))
}

fn too_long() -> Decline {
    Decline::problem("the range has more than 2^24 elements", "bind smaller dimensions")
}
