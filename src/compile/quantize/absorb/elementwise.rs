//! Sums and products of two tensors.

use coulter_plan::DType;
use coulter_plan::ops::{binary, qbinary};

use super::bytes::{self, Bytes, Quantized};
use crate::graph::{Op, TensorId, Value};
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// quantize(dequantize a ∘ dequantize b) → the same of bytes. A constant is quantized by its range.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let maker = view.private_maker(quantized.x)?;
    let node = view.node(maker);
    let Op::Binary(p) = &node.op else { return None };
    let [low, high] = quantized.bounds(p.activation)?;
    let mut patch = Patch::removing(view, &[maker, i]);
    let [a, b] = [view.input(maker, 0)?, view.input(maker, 1)?];
    if view.is_constant(a) && view.is_constant(b) {
        return None;
    }
    let (a, b) = (operand(view, &mut patch, a)?, operand(view, &mut patch, b)?);
    let of = |scale: f64| Some((scale / quantized.scale) as f32).filter(|s| s.is_normal() && *s < (1 << 14) as f32);
    let (a_scale, b_scale) = (f64::from(a.scale), f64::from(b.scale));
    let (kind, a_scale, b_scale) = match p.kind {
        binary::Kind::Add => (qbinary::Kind::Add, of(a_scale)?, of(b_scale)?),
        binary::Kind::Sub => (qbinary::Kind::Add, of(a_scale)?, -of(b_scale)?),
        binary::Kind::Mul => (qbinary::Kind::Mul, of(a_scale * b_scale)?, 0.0),
        _ => return None,
    };
    let (a_zero, b_zero, y_zero) = (a.zero, b.zero, quantized.params.zero_point);
    let op = Op::QBinary(qbinary::Params { kind, a_scale, b_scale, a_zero, b_zero, y_zero, low, high });
    patch.node(&node.name, op, vec![Some(a.id), Some(b.id)], view.node(i).outputs.clone());
    Some(patch)
}

fn operand(view: &View<'_>, patch: &mut Patch, id: TensorId) -> Option<Bytes> {
    match bytes::behind(view, patch, id) {
        None if view.is_constant(id) => by_range(view, patch, id),
        bytes => bytes,
    }
}

/// A constant as bytes from its least to its greatest element, 0 among them.
fn by_range(view: &View<'_>, patch: &mut Patch, id: TensorId) -> Option<Bytes> {
    let values = view.floats(id)?;
    let (least, greatest) = values.iter().fold((0_f32, 0_f32), |(low, high), &v| (low.min(v), high.max(v)));
    let scale = ((f64::from(greatest) - f64::from(least)) / 255.0) as f32;
    if !scale.is_normal() || !values.iter().all(|v| v.is_finite()) {
        return None;
    }
    let steps = |v: f32| (f64::from(v) / f64::from(scale)).round_ties_even();
    let zero = -steps(least);
    let bytes = values.iter().map(|&v| (steps(v) + zero).clamp(0.0, 255.0) as u8).collect();
    let tensor = view.graph().tensor(id);
    let id = patch.constant(format!("{}.bytes", tensor.name), DType::U8, &tensor.shape, Value(bytes));
    Some(Bytes { id, scale, zero: zero as u32 })
}
