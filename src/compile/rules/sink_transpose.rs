//! Transpositions move behind elementwise operators, so that these stand next to what they can merge with.

use super::constants;
use super::patch::Patch;
use super::shapes;
use super::view::View;
use crate::graph::{Op, TensorId};

/// f(transpose x) → transpose f(x), and likewise with a second operand that is constant or transposed alike.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    if !matches!(node.op, Op::Unary(_) | Op::Binary(_) | Op::Cast) {
        return None;
    }
    let result = view.output(i)?;
    let operands: Vec<TensorId> = node.inputs.iter().copied().collect::<Option<_>>()?;
    let (perm, moving) = operands.iter().find_map(|&id| Some((transposition(view, id)?.0, view.maker(id)?)))?;
    let back = shapes::inverse(perm);
    let mut patch = Patch::removing(view, &[i]);
    let mut inputs = Vec::new();
    for &id in &operands {
        let tensor = view.graph().tensor(id);
        inputs.push(match (transposition(view, id), &tensor.value) {
            (Some((other, source)), _) if other == perm => Some(source),
            (None, Some(value)) => {
                let moved = constants::transposed(value, tensor.dtype, &tensor.shape, &back);
                Some(patch.constant(&tensor.name, tensor.dtype, &shapes::permuted(&tensor.shape, &back), moved))
            }
            _ => return None,
        });
    }
    let moved: usize = operands.iter().filter(|&&id| transposition(view, id).is_some()).map(|&id| view.len(id)).sum();
    if view.len(result) > moved {
        return None;
    }
    let tensor = view.graph().tensor(result);
    let shape = shapes::permuted(&tensor.shape, &back);
    let computed = patch.tensor(format!("{}.moved", tensor.name), tensor.dtype, &shape);
    patch.set_origin(computed, shapes::moved_origin(tensor.origin.as_ref(), &back));
    patch.node(&node.name, node.op.clone(), inputs, vec![Some(computed)]);
    patch.helper(&node.name, Op::Transpose(perm.to_vec()), vec![Some(computed)], result, &view.node(moving).onnx_nodes);
    Some(patch)
}

/// A transposition that nothing else reads: its permutation and what it transposes.
fn transposition<'g>(view: &View<'g>, id: TensorId) -> Option<(&'g [usize], TensorId)> {
    let maker = view.private_maker(id)?;
    match &view.node(maker).op {
        Op::Transpose(perm) => Some((perm, view.input(maker, 0)?)),
        _ => None,
    }
}
