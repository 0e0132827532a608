//! Repeating elements comes last, and not at all before an operator that repeats them itself.

use super::patch::{self, Patch};
use super::shapes;
use super::view::View;
use crate::graph::{Op, TensorId};

/// f(broadcast x, ..) → f(x, ..), then broadcast where that is still needed.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    if !matches!(node.op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast) {
        return None;
    }
    let result = view.output(i)?;
    let operands: Vec<TensorId> = node.inputs.iter().copied().collect::<Option<_>>()?;
    let small: Vec<TensorId> = operands.iter().map(|&id| unrepeated(view, id)).collect();
    if small == operands {
        return None;
    }
    let shape = shapes::broadcast(small.iter().map(|&id| view.shape(id)))?;
    let inputs = small.into_iter().map(Some).collect();
    if shape == view.shape(result) {
        return Some(patch::replace(view, i, node.op.clone(), inputs));
    }
    let mut patch = Patch::removing(view, &[i]);
    let tensor = view.graph().tensor(result);
    let computed = patch.tensor(format!("{}.single", tensor.name), tensor.dtype, &shape);
    patch.node(&node.name, node.op.clone(), inputs, vec![Some(computed)]);
    let repeating = operands.iter().find_map(|&id| repeating(view, id))?;
    patch.helper(&node.name, Op::Broadcast, vec![Some(computed)], result, &view.node(repeating).onnx_nodes);
    Some(patch)
}

/// The tensor that is repeated to make this one, or this one.
pub(super) fn unrepeated(view: &View<'_>, id: TensorId) -> TensorId {
    repeating(view, id).and_then(|maker| view.input(maker, 0)).unwrap_or(id)
}

/// The node that repeats elements to make a tensor.
fn repeating(view: &View<'_>, id: TensorId) -> Option<usize> {
    view.maker(id).filter(|&maker| matches!(view.node(maker).op, Op::Broadcast))
}
