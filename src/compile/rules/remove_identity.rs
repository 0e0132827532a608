//! Operators without effect go.

use coulter_plan::ops::{binary, pad, pool2d};
use coulter_plan::{ActivationKind, DType};

use super::patch::{self, Patch};
use super::shapes;
use super::view::View;
use crate::graph::{Op, TensorId};

/// Transpose by the identity, reshape to the same shape, cast to the same type, slice of everything, pad by nothing,
/// concatenation of one, copy, broadcast to the same shape, x + 0, x − 0, x · 1, x / 1, x ∧ true, x ∨ false, pool of
/// single elements → x, repeated where the other operand made it larger.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let result = view.output(i)?;
    let source = match &view.node(i).op {
        Op::Concat(axis) => return concat(view, i, *axis),
        Op::Binary(p) if p.activation.kind == ActivationKind::Identity => neutral(view, i, p.kind)?,
        Op::Binary(_) => return None,
        _ => view.input(i, 0)?,
    };
    let same_shape = view.shape(source) == view.shape(result);
    let nothing = match &view.node(i).op {
        Op::Transpose(perm) => shapes::is_identity(perm),
        Op::Reshape | Op::Broadcast | Op::Copy => same_shape,
        Op::Cast => view.dtype(source) == view.dtype(result),
        Op::Slice { step, .. } => same_shape && step.iter().zip(view.shape(result)).all(|(&s, &d)| s == 1 || d <= 1),
        Op::Pad(pad::Params { .. }) => same_shape,
        Op::Unary(p) => p.function.kind == ActivationKind::Identity,
        Op::Binary(_) => true,
        Op::Reduce(p) => {
            use coulter_plan::ops::reduce::Kind;
            let kept = matches!(p.kind, Kind::Sum | Kind::Mean | Kind::Max | Kind::Min | Kind::Prod);
            kept && same_shape && p.activation.kind == ActivationKind::Identity
        }
        Op::Pool2d(p) => {
            let kept = p.kind != pool2d::Kind::AverageWithPad || p.pad == [0; 4];
            kept && same_shape
                && p.kernel == [1, 1]
                && p.stride == [1, 1]
                && p.activation.kind == ActivationKind::Identity
        }
        _ => false,
    };
    let repeats = matches!(view.node(i).op, Op::Binary(_)) && !same_shape;
    if nothing && repeats && view.shape(source).len() == view.shape(result).len() {
        return Some(patch::replace(view, i, Op::Broadcast, vec![Some(source)]));
    }
    if nothing { patch::forward(view, i, source, "without effect") } else { None }
}

/// The operand that the result equals.
fn neutral(view: &View<'_>, i: usize, kind: binary::Kind) -> Option<TensorId> {
    let (a, b) = (view.input(i, 0)?, view.input(i, 1)?);
    let all = |id: TensorId, wanted: f32| {
        let few = view.len(id) <= 1 << 16;
        few && view.is_constant(id) && view.floats(id).is_some_and(|values| values.iter().all(|&v| v == wanted))
    };
    let all_bool = |id: TensorId, wanted: u8| {
        let tensor = view.graph().tensor(id);
        let value = tensor.value.as_ref().filter(|_| tensor.dtype == DType::Bool);
        value.is_some_and(|value| value.0.iter().all(|&v| v == wanted))
    };
    match kind {
        binary::Kind::And if all_bool(a, 1) => Some(b),
        binary::Kind::And if all_bool(b, 1) => Some(a),
        binary::Kind::Or if all_bool(a, 0) => Some(b),
        binary::Kind::Or if all_bool(b, 0) => Some(a),
        binary::Kind::Add if all(b, 0.0) => Some(a),
        binary::Kind::Add if all(a, 0.0) => Some(b),
        binary::Kind::Sub if all(b, 0.0) => Some(a),
        binary::Kind::Mul if all(b, 1.0) => Some(a),
        binary::Kind::Mul if all(a, 1.0) => Some(b),
        binary::Kind::Div | binary::Kind::Pow if all(b, 1.0) => Some(a),
        _ => None,
    }
}

/// A concatenation without its empty parts.
fn concat(view: &View<'_>, i: usize, axis: usize) -> Option<Patch> {
    let node = view.node(i);
    let parts: Vec<TensorId> = node.inputs.iter().flatten().copied().filter(|&id| view.len(id) > 0).collect();
    match parts[..] {
        [only] => patch::forward(view, i, only, "without effect"),
        [] => None,
        _ if parts.len() == node.inputs.len() => None,
        _ => Some(patch::replace(view, i, Op::Concat(axis), parts.into_iter().map(Some).collect())),
    }
}
