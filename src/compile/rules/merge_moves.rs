//! Two movements of the same elements become one.

use super::patch::{self, Patch};
use super::shapes;
use super::view::View;
use crate::graph::{Op, TensorId};

/// Transpose ∘ transpose, reshape ∘ reshape, slice ∘ slice, broadcast ∘ broadcast, concatenation ∘ concatenation along
/// one dimension, slice of one part of a concatenation; a transposition that moves dimensions of 1 only → reshape.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    let x = view.input(i, 0)?;
    if let Op::Concat(axis) = node.op {
        return flat_concat(view, i, axis);
    }
    if let Op::Transpose(perm) = &node.op
        && !shapes::is_identity(perm)
        && shapes::keeps_order(view.shape(x), perm)
    {
        return Some(patch::replace(view, i, Op::Reshape, vec![Some(x)]));
    }
    let inner = view.maker(x)?;
    let source = view.input(inner, 0);
    let op = match (&view.node(inner).op, &node.op) {
        (Op::Transpose(first), Op::Transpose(second)) => Op::Transpose(shapes::composed(first, second)),
        (Op::Reshape, Op::Reshape) => Op::Reshape,
        (Op::Broadcast, Op::Broadcast) => Op::Broadcast,
        (Op::Slice { start, step }, Op::Slice { start: then, step: by }) => {
            let first = |d: usize| start[d].checked_add_signed(then[d] as isize * step[d]);
            let start = (0..start.len()).map(first).collect::<Option<_>>()?;
            Op::Slice { start, step: step.iter().zip(by).map(|(a, b)| a * b).collect() }
        }
        (Op::Concat(axis), Op::Slice { start, step }) => return part(view, i, inner, *axis, start, step),
        _ => return None,
    };
    Some(patch::replace(view, i, op, vec![source]))
}

fn flat_concat(view: &View<'_>, i: usize, axis: usize) -> Option<Patch> {
    let inner = |id: TensorId| {
        let maker = view.private_maker(id)?;
        matches!(view.node(maker).op, Op::Concat(other) if other == axis).then_some(maker)
    };
    let node = view.node(i);
    if !node.inputs.iter().flatten().any(|&id| inner(id).is_some()) {
        return None;
    }
    let parts = node.inputs.iter().flatten().flat_map(|&id| match inner(id) {
        Some(maker) => view.node(maker).inputs.clone(),
        None => vec![Some(id)],
    });
    Some(patch::replace(view, i, Op::Concat(axis), parts.collect()))
}

fn part(view: &View<'_>, i: usize, concat: usize, axis: usize, start: &[usize], step: &[isize]) -> Option<Patch> {
    let count = view.shape(view.output(i)?)[axis];
    let last = start[axis].checked_add_signed((count.checked_sub(1)? as isize).checked_mul(step[axis])?)?;
    let (low, high) = (start[axis].min(last), start[axis].max(last));
    let mut before = 0;
    for id in view.node(concat).inputs.iter().flatten() {
        let length = view.shape(*id)[axis];
        if low >= before && high < before + length {
            let mut start = start.to_vec();
            start[axis] -= before;
            return Some(patch::replace(view, i, Op::Slice { start, step: step.to_vec() }, vec![Some(*id)]));
        }
        before += length;
    }
    None
}
