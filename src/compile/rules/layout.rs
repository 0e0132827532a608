//! Which tensors lie transposed.
//!
//! Most operators do not care how the dimensions of their operands are ordered. A set of connected ones can work on
//! transposed tensors instead, with transpositions at its border; those inside go, and those at the border may cancel
//! with ones that stand there. The set that saves most is a minimum cut: each operator lies on one side or the other,
//! and an edge between the sides costs the elements that have to be moved. A change is kept only if the graph moves
//! fewer elements afterwards, so the search ends.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::cut::{Cut, Side};
use super::patch::{self, Patch};
use super::shapes::{self, composed, inverse};
use super::view::View;
use crate::graph::{Graph, Node, Op, TensorId};

/// An operator as it works on transposed tensors.
struct Turned {
    op: Op,
    /// For each input the permutation that it takes; `None` if it stays as it is.
    inputs: Vec<Option<Vec<usize>>>,
}

/// Operators to turn, with the permutation of their output.
type Region = BTreeMap<usize, Vec<usize>>;

/// Turns one set of operators, if that saves anything, and settles the graph with `settle`.
pub(super) fn improve(graph: &mut Graph, settle: &mut dyn FnMut(&mut Graph)) -> bool {
    let view = View::new(graph);
    let before = moved_elements(&view);
    if before == 0 {
        return false;
    }
    let mut tried = HashSet::new();
    for i in 0..graph.nodes.len() {
        if cost(&view, i) == 0 {
            continue;
        }
        for seed in seeds(&view, i) {
            if !tried.insert(seed.clone()) {
                continue;
            }
            let region = grown(&view, seed.0, seed.1);
            let Some(chosen) = worth_turning(&view, &region) else { continue };
            let mut candidate = graph.clone();
            patch::apply(&mut candidate, turn(&view, &chosen));
            settle(&mut candidate);
            if moved_elements(&View::new(&candidate)) < before {
                *graph = candidate;
                return true;
            }
        }
    }
    false
}

fn moved_elements(view: &View<'_>) -> usize {
    (0..view.graph().nodes.len()).map(|i| cost(view, i)).sum()
}

/// Elements that a node moves if it is a transposition that becomes no view.
fn cost(view: &View<'_>, i: usize) -> usize {
    let (Op::Transpose(perm), Some(x), Some(y)) = (&view.node(i).op, view.input(i, 0), view.output(i)) else {
        return 0;
    };
    let free = shapes::keeps_order(view.shape(x), perm) || is_free(view, x, y, perm);
    if free { 0 } else { view.len(x) }
}

/// Whether all who read `y`, which is `x` transposed, take any strides, or the maker of `x` gives any.
fn is_free(view: &View<'_>, x: TensorId, y: TensorId, perm: &[usize]) -> bool {
    let last_stays = perm.last() == Some(&(perm.len() - 1));
    let written = view
        .private_maker(x)
        .is_some_and(|maker| matches!(view.node(maker).op, Op::MatMul(_) | Op::Attention(_)) && last_stays);
    let read = !view.is_output(y) && view.readers(y).iter().all(|&reader| reads_any_strides(view, reader, last_stays));
    written || read
}

fn reads_any_strides(view: &View<'_>, reader: usize, last_stays: bool) -> bool {
    match view.node(reader).op {
        Op::MatMul(_) => true,
        Op::Attention(_) => last_stays,
        _ => false,
    }
}

/// Operators next to a transposition, with the permutations that would make it unnecessary.
fn seeds(view: &View<'_>, i: usize) -> Vec<(usize, Vec<usize>)> {
    let (Op::Transpose(perm), Some(x), Some(y)) = (&view.node(i).op, view.input(i, 0), view.output(i)) else {
        return Vec::new();
    };
    let back = inverse(perm);
    let readers = view.readers(y).iter().filter_map(|&reader| Some((reader, output_perm(view, reader, y, &back)?)));
    let maker = view.maker(x).filter(|&maker| turned(view, maker, perm).is_some()).map(|maker| (maker, perm.clone()));
    readers.chain(maker).collect()
}

/// The permutation of a node's output that goes with this permutation of an input.
fn output_perm(view: &View<'_>, i: usize, input: TensorId, perm: &[usize]) -> Option<Vec<usize>> {
    let result = view.output(i)?;
    let output = match view.node(i).op {
        Op::Reshape => shapes::carried(view.shape(input), view.shape(result), perm)?,
        _ if view.shape(result).len() == perm.len() => perm.to_vec(),
        _ => return None,
    };
    let turned = turned(view, i, &output)?;
    let k = view.node(i).inputs.iter().position(|&id| id == Some(input))?;
    turned.inputs.get(k)?.is_some().then_some(output)
}

/// A node that gives its output transposed by `perm`, if it can.
fn turned(view: &View<'_>, i: usize, perm: &[usize]) -> Option<Turned> {
    let node = view.node(i);
    let result = view.output(i)?;
    let (count, rank) = (node.inputs.len(), view.shape(result).len());
    let all = || vec![Some(perm.to_vec()); count];
    let first = || (0..count).map(|k| (k == 0).then(|| perm.to_vec())).collect::<Vec<_>>();
    let last_stays = perm.last() == Some(&rank.checked_sub(1)?);
    let (op, inputs) = match &node.op {
        Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast | Op::Broadcast => (node.op.clone(), all()),
        Op::Dequantize(_) | Op::QBinary(_) => (node.op.clone(), all()),
        Op::Quantize(_) if last_stays || view.shape(view.input(i, 0)?) == view.shape(result) => {
            (node.op.clone(), all())
        }
        Op::Table if last_stays || view.shape(view.input(i, 1)?).len() == 1 => (node.op.clone(), first()),
        Op::Softmax(_) | Op::Normalize(_) | Op::QSoftmax(_) if last_stays => (node.op.clone(), first()),
        Op::FullyConnected(_) if last_stays => {
            let turns = |k: usize| (k == 0 || k == 3) && node.inputs[k].is_some();
            (node.op.clone(), (0..count).map(|k| turns(k).then(|| perm.to_vec())).collect())
        }
        Op::Pad(p) => {
            let mut moved = *p;
            perm.iter().enumerate().for_each(|(d, &from)| moved.before[d] = p.before[from]);
            (Op::Pad(moved), all())
        }
        Op::Concat(axis) => (Op::Concat(inverse(perm)[*axis]), all()),
        Op::Slice { start, step } => {
            (Op::Slice { start: shapes::permuted(start, perm), step: shapes::permuted(step, perm) }, all())
        }
        Op::Reduce(p) => {
            let mut moved = *p;
            moved.axes = perm.iter().enumerate().map(|(d, &from)| (p.axes >> from & 1) << d).sum();
            (Op::Reduce(moved), all())
        }
        Op::Reshape => {
            let x = view.shape(view.input(i, 0)?);
            (Op::Reshape, vec![Some(shapes::carried(view.shape(result), x, perm)?)])
        }
        _ => return None,
    };
    let ranks_fit = node.inputs.iter().zip(&inputs).all(|(id, perm)| match (id, perm) {
        (Some(id), Some(perm)) => view.shape(*id).len() == perm.len(),
        (None, Some(_)) => false,
        _ => true,
    });
    ranks_fit.then_some(Turned { op, inputs })
}

/// Everything that can be turned together with a node: its neighbours, theirs and so on.
fn grown(view: &View<'_>, seed: usize, perm: Vec<usize>) -> Region {
    let mut region = Region::new();
    let mut waiting = VecDeque::from([(seed, perm)]);
    while let Some((i, perm)) = waiting.pop_front() {
        if region.contains_key(&i) {
            continue;
        }
        let Some(node) = turned(view, i, &perm) else { continue };
        let inputs = view.node(i).inputs.iter().zip(&node.inputs);
        for (id, perm) in inputs.filter_map(|(id, perm)| Some(((*id)?, perm.as_ref()?))) {
            waiting.extend(view.maker(id).map(|maker| (maker, perm.clone())));
        }
        if let Some(id) = view.output(i) {
            let readers = view.readers(id).iter();
            waiting.extend(readers.filter_map(|&reader| Some((reader, output_perm(view, reader, id, &perm)?))));
        }
        region.insert(i, perm);
    }
    region
}

/// The part of a region that is best turned, if any is.
fn worth_turning(view: &View<'_>, region: &Region) -> Option<Region> {
    let nodes: Vec<usize> = region.keys().copied().collect();
    let place = |i: usize| nodes.binary_search(&i).ok();
    let mut cut = Cut::new(nodes.len());
    for (v, &i) in nodes.iter().enumerate() {
        let perm = &region[&i];
        let inputs = turned(view, i, perm)?.inputs;
        for (id, wanted) in view.node(i).inputs.iter().zip(&inputs) {
            let (Some(id), Some(wanted)) = (id, wanted) else { continue };
            if view.is_constant(*id) {
                continue;
            }
            let (source, way) = untransposed(view, *id);
            let turned_way = composed(&way, wanted);
            match view.maker(source).and_then(|maker| Some((place(maker)?, &region[&maker]))) {
                None => cut.add(v, between(view, source, &way), between(view, source, &turned_way)),
                Some((u, made)) => {
                    let straight = |way: &[usize]| between(view, source, way);
                    let from_turned =
                        |way: &[usize]| if is_same(view, source, made, way) { 0 } else { view.len(source) };
                    let costs = [straight(&way), straight(&turned_way), from_turned(&way), from_turned(&turned_way)];
                    cut.add_pair(u, v, costs);
                }
            }
        }
        for (way, size) in fixed_ends(view, i, region) {
            let result = view.output(i)?;
            let turned = if is_same(view, result, perm, &way) { 0 } else { size };
            let straight = if shapes::keeps_order(view.shape(result), &way) { 0 } else { size };
            cut.add(v, straight, turned);
        }
    }
    let sides = cut.solve()?;
    let chosen = nodes.iter().zip(sides).filter(|(_, side)| *side == Side::Turned);
    Some(chosen.map(|(&i, _)| (i, region[&i].clone())).collect())
}

/// Whether transposing by either permutation gives the same order of elements.
fn is_same(view: &View<'_>, id: TensorId, a: &[usize], b: &[usize]) -> bool {
    let shape = view.shape(id);
    let order = |perm: &[usize]| perm.iter().copied().filter(|&p| shape[p] != 1).collect::<Vec<_>>();
    order(a) == order(b)
}

fn between(view: &View<'_>, id: TensorId, way: &[usize]) -> usize {
    if shapes::keeps_order(view.shape(id), way) { 0 } else { view.len(id) }
}

/// The tensor that transpositions make this one of, and their permutation.
fn untransposed(view: &View<'_>, mut id: TensorId) -> (TensorId, Vec<usize>) {
    let mut way: Vec<usize> = (0..view.shape(id).len()).collect();
    while let Some(maker) = view.maker(id)
        && let (Op::Transpose(perm), Some(x)) = (&view.node(maker).op, view.input(maker, 0))
    {
        way = composed(perm, &way);
        id = x;
    }
    (id, way)
}

/// Ways from a node's output, through transpositions, to readers outside the region that cannot be turned, and what a
/// transposition there costs.
fn fixed_ends(view: &View<'_>, i: usize, region: &Region) -> Vec<(Vec<usize>, usize)> {
    let mut ends = Vec::new();
    let Some(result) = view.output(i) else { return ends };
    let mut waiting = vec![(result, (0..view.shape(result).len()).collect::<Vec<_>>())];
    while let Some((id, way)) = waiting.pop() {
        let last_stays = way.last() == Some(&(way.len().wrapping_sub(1)));
        let mut is_end = view.is_output(id);
        for &reader in view.readers(id) {
            match &view.node(reader).op {
                Op::Transpose(perm) => waiting.extend(view.output(reader).map(|id| (id, composed(&way, perm)))),
                _ => is_end |= !region.contains_key(&reader) && !reads_any_strides(view, reader, last_stays),
            }
        }
        if is_end {
            ends.push((way, view.len(result)));
        }
    }
    ends
}

/// Turns nodes: each reads transposed inputs and gives a transposed output, which is transposed back.
fn turn(view: &View<'_>, chosen: &Region) -> Patch {
    let nodes: Vec<usize> = chosen.keys().copied().collect();
    let mut patch = Patch::removing(view, &nodes);
    for (&i, perm) in chosen {
        let node = view.node(i);
        let (Some(turned), Some(result)) = (turned(view, i, perm), view.output(i)) else { continue };
        let helper = |op, input, output| Node {
            name: node.name.clone(),
            op,
            inputs: vec![Some(input)],
            outputs: vec![Some(output)],
            onnx_nodes: node.onnx_nodes.clone(),
        };
        let mut inputs = node.inputs.clone();
        for (id, perm) in inputs.iter_mut().zip(&turned.inputs) {
            if let (Some(id), Some(perm)) = (id, perm) {
                let moved = moved(view, &mut patch, *id, perm);
                patch.node_at(i, helper(Op::Transpose(perm.clone()), *id, moved));
                *id = moved;
            }
        }
        let computed = moved(view, &mut patch, result, perm);
        let onnx_nodes = node.onnx_nodes.clone();
        let outputs = vec![Some(computed)];
        patch.node_at(i, Node { name: node.name.clone(), op: turned.op, inputs, outputs, onnx_nodes });
        patch.node_at(i, helper(Op::Transpose(inverse(perm)), computed, result));
    }
    patch
}

fn moved(view: &View<'_>, patch: &mut Patch, id: TensorId, perm: &[usize]) -> TensorId {
    let tensor = view.graph().tensor(id);
    let shape = shapes::permuted(&tensor.shape, perm);
    let new = patch.tensor(format!("{}.turned", tensor.name), tensor.dtype, &shape);
    patch.set_origin(new, shapes::moved_origin(tensor.origin.as_ref(), perm));
    new
}
