//! Operators that move nothing: further windows onto the same bytes.

use super::{Lowering, Refusal, TooLarge, Window, output_tensor, required};
use crate::graph::{Node, TensorId};

/// `x`; same elements in row-major order.
pub(super) fn reshape(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let id = required(node, 0)?;
    let shape = &output_tensor(lowering.graph(), node, 0)?.shape;
    let view = match lowering.window(id)?.reshape(shape)? {
        Some(view) => view,
        None => {
            let copy = lowering.dense_copy(id)?;
            copy.reshape(shape)?.ok_or(TooLarge)?
        }
    };
    note(lowering, node, view)
}

/// `x`; output dimension i is input dimension `permutation[i]`.
pub(super) fn transpose(lowering: &mut Lowering<'_>, node: &Node, permutation: &[usize]) -> Result<(), Refusal> {
    let view = lowering.window(required(node, 0)?)?.transpose(permutation)?;
    note(lowering, node, view)
}

/// `x`; the elements at `start + i·step`.
pub(super) fn slice(lowering: &mut Lowering<'_>, node: &Node, start: &[usize], step: &[isize]) -> Result<(), Refusal> {
    let shape = &output_tensor(lowering.graph(), node, 0)?.shape;
    let view = lowering.window(required(node, 0)?)?.slice(start, step, shape)?;
    note(lowering, node, view)
}

/// `x`; dimensions of 1 are repeated.
pub(super) fn broadcast(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let shape = &output_tensor(lowering.graph(), node, 0)?.shape;
    let view = lowering.window(required(node, 0)?)?.broadcast(shape)?;
    note(lowering, node, view)
}

fn note(lowering: &mut Lowering<'_>, node: &Node, view: Window) -> Result<(), Refusal> {
    let id = node.outputs.first().copied().flatten().ok_or_else(|| Refusal("output 0 is missing".into()))?;
    lowering.windows[id.0] = Some(view);
    if let Some(source) = lowering.source {
        lowering.viewers.insert(id, source);
    }
    lowering.fold(node, "a view");
    Ok(())
}

/// Any number of inputs along one dimension: those that were not written in their places are copied there.
pub(super) fn concat(lowering: &mut Lowering<'_>, node: &Node, axis: usize) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let absent = || Refusal("output 0 is missing".into());
    let whole = lowering.result(node.outputs.first().copied().flatten().ok_or_else(absent)?)?;
    let parts: Vec<TensorId> = node.inputs.iter().flatten().copied().collect();
    let (mut from, mut copied) = (0, false);
    for id in parts {
        let len = graph.tensor(id).shape[axis];
        let place = whole.window.part(axis, from, len)?;
        from += len;
        let window = lowering.window(id)?;
        if !window.coincides_with(&place) && !window.tensor.is_empty() {
            lowering.copy_into(node, id, window, place)?;
            copied = true;
        }
    }
    if !copied {
        lowering.fold(node, "its inputs are written where it wants them");
    }
    Ok(())
}
