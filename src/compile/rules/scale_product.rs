//! Scalar factors around matrix products.

use coulter_plan::ActivationKind;
use coulter_plan::ops::binary;

use super::patch::Patch;
use super::view::View;
use crate::graph::{Op, TensorId};

/// (α·a)·b, a·(α·b) → a·b with the factor α.
pub(super) fn before(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    let Op::MatMul(mut p) = node.op else { return None };
    let k = (0..2).find(|&k| view.input(i, k).and_then(|id| factor(view, id)).is_some())?;
    let maker = view.maker(view.input(i, k)?)?;
    p.alpha *= factor(view, view.input(i, k)?)?;
    let mut inputs = node.inputs.clone();
    inputs[k] = view.input(maker, 0);
    let mut patch = Patch::removing(view, &[maker, i]);
    patch.node(&node.name, Op::MatMul(p), inputs, node.outputs.clone());
    p.alpha.is_finite().then_some(patch)
}

/// α · (a·b) → a·b with the factor α.
pub(super) fn after(view: &View<'_>, i: usize) -> Option<Patch> {
    let result = view.output(i)?;
    let scale = own_factor(view, i)?;
    let maker = view.private_maker(view.input(i, 0)?)?;
    let Op::MatMul(mut p) = view.node(maker).op else { return None };
    if p.activation.kind != ActivationKind::Identity {
        return None;
    }
    p.alpha *= scale;
    let mut patch = Patch::removing(view, &[maker, i]);
    patch.node(&view.node(maker).name, Op::MatMul(p), view.node(maker).inputs.clone(), vec![Some(result)]);
    p.alpha.is_finite().then_some(patch)
}

fn factor(view: &View<'_>, id: TensorId) -> Option<f32> {
    own_factor(view, view.private_maker(id)?)
}

fn own_factor(view: &View<'_>, i: usize) -> Option<f32> {
    match &view.node(i).op {
        Op::Unary(p) if p.function.kind == ActivationKind::Affine && p.function.b == 0.0 => Some(p.function.a),
        Op::Unary(p) if p.function.kind == ActivationKind::Neg => Some(-1.0),
        Op::Binary(p) if p.kind == binary::Kind::Div && p.activation.kind == ActivationKind::Identity => {
            let divisor = view.scalar(view.input(i, 1)?)?;
            let keeps_shape = view.shape(view.input(i, 0)?) == view.shape(view.output(i)?);
            keeps_shape.then_some(1.0 / divisor)
        }
        _ => None,
    }
}
