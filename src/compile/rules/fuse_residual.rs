//! Sums at the end of convolutions and fully connected layers.

use coulter_plan::ops::binary;
use coulter_plan::{Activation, ActivationKind};

use super::patch::Patch;
use super::view::View;
use crate::graph::{Op, TensorId};

/// conv(x) + r → conv with the residual r, the later one if both operands are such.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::Binary(p) = &view.node(i).op else { return None };
    let (a, b, result) = (view.input(i, 0)?, view.input(i, 1)?, view.output(i)?);
    let same_shape = view.shape(a) == view.shape(result) && view.shape(b) == view.shape(result);
    if p.kind != binary::Kind::Add || !same_shape || !view.is_plain_f32(a) || !view.is_plain_f32(b) {
        return None;
    }
    let (maker, residual) = [(a, b), (b, a)]
        .into_iter()
        .filter_map(|(sum, other)| Some((adder(view, sum)?, other)))
        .max_by_key(|(maker, _)| *maker)?;
    let node = view.node(maker);
    let mut op = node.op.clone();
    *op.activation_mut()? = p.activation;
    let mut inputs = node.inputs.clone();
    inputs.resize(4, None);
    inputs[3] = Some(residual);
    let mut patch = Patch::removing(view, &[maker, i]);
    patch.node(&node.name, op, inputs, view.node(i).outputs.clone());
    Some(patch)
}

/// The maker of a tensor that can add a residual to it.
fn adder(view: &View<'_>, id: TensorId) -> Option<usize> {
    let maker = view.private_maker(id)?;
    let op = &view.node(maker).op;
    let takes = matches!(op, Op::Conv2d(_) | Op::DepthwiseConv2d(_) | Op::FullyConnected(_));
    let bare = op.activation().unwrap_or(Activation::RELU).kind == ActivationKind::Identity;
    (takes && bare && view.input(maker, 3).is_none()).then_some(maker)
}
