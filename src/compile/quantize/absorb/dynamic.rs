//! Products of numbers that are quantized as they come.

use coulter_plan::ActivationKind;
use coulter_plan::ops::binary;

use crate::graph::Op;
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// product + bias → product with the bias, and the sum's function.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::Binary(sum) = &view.node(i).op else { return None };
    let (a, b, result) = (view.input(i, 0)?, view.input(i, 1)?, view.output(i)?);
    let (x, row) = if view.is_constant(b) { (a, b) } else { (b, a) };
    let product = view.private_maker(x)?;
    let node = view.node(product);
    let Op::DynamicFullyConnected(mut p) = node.op else { return None };
    let bare = p.activation.kind == ActivationKind::Identity && view.input(product, 3).is_none();
    if sum.kind != binary::Kind::Add || !bare || view.shape(x) != view.shape(result) {
        return None;
    }
    let columns = *view.shape(x).last()?;
    let bias = match &view.row(row)?[..] {
        &[same] => vec![same; columns],
        row => row.to_vec(),
    };
    p.activation = sum.activation;
    let mut patch = Patch::removing(view, &[product, i]);
    let bias = patch.floats(&view.graph().tensor(row).name, &[columns], &bias);
    let inputs = node.inputs[..3].iter().copied().chain([Some(bias)]).collect();
    patch.node(&node.name, Op::DynamicFullyConnected(p), inputs, view.node(i).outputs.clone());
    Some(patch)
}
