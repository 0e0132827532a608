//! Reshapes move behind operators that do not care, so that they meet other reshapes, and the operators what they can
//! merge with.

use coulter_plan::ops::reduce;

use super::patch::Patch;
use super::shapes;
use super::view::View;
use crate::graph::{Op, TensorId};

/// f(reshape x) → reshape f(x): elementwise operators, also with a constant operand or two alike operands; operators
/// over the last dimension where that stays; reductions over whole dimensions of both shapes.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    let (reshape, from, to) = reshaped(view, i)?;
    if from == to || from.is_empty() {
        return None;
    }
    let mut patch = Patch::removing(view, &[i]);
    let mut inputs = node.inputs.clone();
    let mut op = node.op.clone();
    let result = view.graph().tensor(view.output(i)?);
    let mut shape = from.to_vec();
    match &mut op {
        Op::Unary(_) | Op::Cast | Op::Dequantize(_) => inputs[0] = Some(source(view, view.input(i, 0)?)?),
        Op::Quantize(_) if result.shape == to => inputs[0] = Some(source(view, view.input(i, 0)?)?),
        Op::Table if from.last() == to.last() || view.shape(view.input(i, 1)?).len() == 1 => {
            inputs[0] = Some(source(view, view.input(i, 0)?)?);
        }
        Op::Binary(_) | Op::QBinary(_) if result.shape == to => {
            for id in inputs.iter_mut().flatten() {
                *id = aligned(view, &mut patch, *id, from, to)?;
            }
        }
        Op::Softmax(_) | Op::Normalize(_) | Op::FullyConnected(_) if from.last() == to.last() => {
            inputs[0] = Some(source(view, view.input(i, 0)?)?);
            *shape.last_mut()? = *result.shape.last()?;
            if matches!(op, Op::FullyConnected(_)) && inputs.get(3).is_some_and(Option::is_some) {
                return None;
            }
        }
        Op::Reduce(p) => {
            inputs[0] = Some(source(view, view.input(i, 0)?)?);
            p.axes = reduced(p, from, to, &mut shape)?;
        }
        _ => return None,
    }
    let computed = patch.tensor(format!("{}.flat", result.name), result.dtype, &shape);
    patch.node(&node.name, op, inputs, vec![Some(computed)]);
    patch.helper(&node.name, Op::Reshape, vec![Some(computed)], view.output(i)?, &view.node(reshape).onnx_nodes);
    Some(patch)
}

/// The first reshape that makes an operand, and the shapes before and after it.
fn reshaped<'g>(view: &View<'g>, i: usize) -> Option<(usize, &'g [usize], &'g [usize])> {
    let operands = view.node(i).inputs.iter().take(2).flatten();
    operands.into_iter().find_map(|&id| Some((view.maker(id)?, view.shape(source(view, id)?), view.shape(id))))
}

fn source(view: &View<'_>, id: TensorId) -> Option<TensorId> {
    let maker = view.maker(id).filter(|&maker| matches!(view.node(maker).op, Op::Reshape))?;
    view.input(maker, 0)
}

/// An operand that broadcasts to `to`, as one that broadcasts to `from` with the same effect.
fn aligned(view: &View<'_>, patch: &mut Patch, id: TensorId, from: &[usize], to: &[usize]) -> Option<TensorId> {
    if let Some(source) = source(view, id) {
        return (view.shape(source) == from && view.shape(id) == to).then_some(source);
    }
    let tensor = view.graph().tensor(id);
    let value = tensor.value.clone()?;
    let row = tensor.shape.iter().rev().skip(1).all(|&dim| dim == 1);
    let mut shape = vec![1; from.len()];
    if tensor.shape == to {
        shape = from.to_vec();
    } else if row && from.last() == to.last() || tensor.len() == 1 {
        *shape.last_mut()? = tensor.len();
    } else {
        return None;
    }
    Some(patch.constant(&tensor.name, tensor.dtype, &shape, value))
}

/// Dimensions of the unreshaped tensor that hold the reduced ones; they become 1 in `shape`.
fn reduced(p: &reduce::Params, from: &[usize], to: &[usize], shape: &mut [usize]) -> Option<u32> {
    if p.kind.is_index() {
        return None;
    }
    let mut axes = 0;
    for (before, after) in shapes::matching_runs(from, to)? {
        let inside = after.iter().filter(|&&d| p.axes >> d & 1 == 1).count();
        if inside != 0 && inside != after.len() {
            return None;
        }
        for &d in before.iter().filter(|_| inside > 0) {
            axes |= 1 << d;
            shape[d] = 1;
        }
    }
    Some(axes)
}
