//! Transpositions move behind operators that do not care, so that these stand next to what they can merge with, and
//! transpositions next to what takes any strides.

use super::constants;
use super::patch::Patch;
use super::shapes;
use super::view::View;
use crate::graph::{Op, TensorId};

/// f(transpose x) → transpose f(x), where f is elementwise, perhaps with a second operand that is constant or transposed
/// alike, a slice that takes no more than its share, or a reshape that keeps together what the transposition moves.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    match &node.op {
        Op::Reshape => return reshape(view, i),
        Op::Slice { start, step } => return slice(view, i, start, step),
        _ => {}
    }
    let result = view.output(i)?;
    let mut operands: Vec<TensorId> = node.inputs.iter().copied().collect::<Option<_>>()?;
    let mut others = Vec::new();
    match node.op {
        Op::Unary(_) | Op::Binary(_) | Op::QBinary(_) | Op::Cast | Op::Dequantize(_) => {}
        Op::Quantize(_) if view.shape(operands[0]) == view.shape(result) => {}
        Op::Table if view.shape(*operands.get(1)?).len() == 1 => others = operands.split_off(1),
        _ => return None,
    }
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
    inputs.extend(others.into_iter().map(Some));
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

/// reshape(transpose x) → transpose(reshape x)
fn reshape(view: &View<'_>, i: usize) -> Option<Patch> {
    let moved = view.input(i, 0)?;
    let (perm, x) = transposition(view, moved)?;
    let result = view.output(i)?;
    let out = shapes::carried(view.shape(moved), view.shape(result), &shapes::inverse(perm))?;
    below(view, i, Op::Reshape, x, &out, view.maker(moved)?)
}

/// slice(transpose x) → transpose(slice x)
fn slice(view: &View<'_>, i: usize, start: &[usize], step: &[isize]) -> Option<Patch> {
    let moved = view.input(i, 0)?;
    let maker = view.maker(moved)?;
    let Op::Transpose(perm) = &view.node(maker).op else { return None };
    let readers = view.readers(moved);
    let taken = readers.iter().map(|&reader| match view.node(reader).op {
        Op::Slice { .. } => view.output(reader).map(|id| view.len(id)),
        _ => None,
    });
    if view.is_output(moved) || taken.sum::<Option<usize>>()? > view.len(moved) {
        return None;
    }
    let back = shapes::inverse(perm);
    let op = Op::Slice { start: shapes::permuted(start, &back), step: shapes::permuted(step, &back) };
    below(view, i, op, view.input(maker, 0)?, &back, maker)
}

/// Node `i` works on `x`, which transposition `maker` moved, and gives its output transposed by `out`.
fn below(view: &View<'_>, i: usize, op: Op, x: TensorId, out: &[usize], maker: usize) -> Option<Patch> {
    let (node, result) = (view.node(i), view.output(i)?);
    let tensor = view.graph().tensor(result);
    let mut patch = Patch::removing(view, &[i]);
    let computed = patch.tensor(format!("{}.moved", tensor.name), tensor.dtype, &shapes::permuted(&tensor.shape, out));
    patch.set_origin(computed, shapes::moved_origin(tensor.origin.as_ref(), out));
    patch.node(&node.name, op, vec![Some(x)], vec![Some(computed)]);
    let back = Op::Transpose(shapes::inverse(out));
    patch.helper(&node.name, back, vec![Some(computed)], result, &view.node(maker).onnx_nodes);
    Some(patch)
}
