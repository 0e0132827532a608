//! Sums at the end of convolutions and fully connected layers.

use coulter_plan::ops::binary;
use coulter_plan::{Activation, ActivationKind};

use super::patch::Patch;
use super::view::View;
use crate::graph::{Op, TensorId};

/// conv(x) + r → conv with the residual r, the later one if both operands are such; likewise reshape(conv(x)) + r.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::Binary(p) = &view.node(i).op else { return None };
    let (a, b, result) = (view.input(i, 0)?, view.input(i, 1)?, view.output(i)?);
    let same_shape = view.shape(a) == view.shape(result) && view.shape(b) == view.shape(result);
    if p.kind != binary::Kind::Add || !same_shape || !view.is_plain_f32(a) || !view.is_plain_f32(b) {
        return None;
    }
    let (adder, residual) = [(a, b), (b, a)]
        .into_iter()
        .filter_map(|(sum, other)| Some((adder(view, sum)?, other)))
        .max_by_key(|(adder, _)| adder.node)?;
    let node = view.node(adder.node);
    let mut op = node.op.clone();
    *op.activation_mut()? = p.activation;
    let mut inputs = node.inputs.clone();
    inputs.resize(4, None);
    inputs[3] = Some(residual);
    let outputs = view.node(i).outputs.clone();
    let Some(reshape) = adder.reshape else {
        let mut patch = Patch::removing(view, &[adder.node, i]);
        patch.node(&node.name, op, inputs, outputs);
        return Some(patch);
    };
    let shape = view.shape(view.output(adder.node)?);
    let mut patch = Patch::removing(view, &[adder.node, i]);
    let tensor = view.graph().tensor(result);
    let flat = patch.tensor(format!("{}.residual", tensor.name), tensor.dtype, shape);
    let computed = patch.tensor(format!("{}.sum", tensor.name), tensor.dtype, shape);
    let names = &view.node(reshape).onnx_nodes;
    patch.helper(&node.name, Op::Reshape, vec![Some(residual)], flat, &[]);
    inputs[3] = Some(flat);
    patch.node(&node.name, op, inputs, vec![Some(computed)]);
    patch.helper(&node.name, Op::Reshape, vec![Some(computed)], result, names);
    Some(patch)
}

/// A node that can add a residual to its result, and the reshape that its result goes through.
struct Adder {
    node: usize,
    reshape: Option<usize>,
}

fn adder(view: &View<'_>, id: TensorId) -> Option<Adder> {
    let maker = view.private_maker(id)?;
    let (node, reshape) = match view.node(maker).op {
        Op::Reshape => (view.private_maker(view.input(maker, 0)?)?, Some(maker)),
        _ => (maker, None),
    };
    let op = &view.node(node).op;
    let takes = matches!(op, Op::Conv2d(_) | Op::DepthwiseConv2d(_) | Op::FullyConnected(_));
    let bare = op.activation().unwrap_or(Activation::RELU).kind == ActivationKind::Identity;
    (takes && bare && view.input(node, 3).is_none()).then_some(Adder { node, reshape })
}
