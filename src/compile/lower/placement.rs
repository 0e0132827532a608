//! Where tensors are written so that no copy is needed: into their part of a concatenation, or in the order in
//! which what reads them behind transpositions and reshapes wants them.

use std::collections::HashMap;

use super::needs;
use super::window::{Base, Need, Window};
use super::{Lowering, Refusal};
use crate::graph::{Graph, Node, Op, TensorId};

/// Chooses targets for tensors; what is left without one gets a dense buffer of its own.
pub(super) fn place(lowering: &mut Lowering<'_>, live: &[bool]) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let consumers = graph.consumers();
    let live_consumers = consumers.into_iter().map(|(id, mut nodes)| {
        nodes.retain(|&i| live[i]);
        (id, nodes)
    });
    let surroundings = Surroundings { graph, consumers: live_consumers.collect(), producers: graph.producers() };
    for node in graph.nodes.iter().zip(live).rev().filter(|(_, live)| **live).map(|(node, _)| node) {
        if let Op::Concat(axis) = node.op {
            reserve_parts(lowering, &surroundings, node, axis)?;
        }
    }
    for (node, _) in graph.nodes.iter().zip(live).filter(|(_, live)| **live) {
        for &id in node.outputs.iter().flatten() {
            if is_compute(&node.op) && lowering.targets[id.0].is_none() {
                suit_readers(lowering, &surroundings, id)?;
            }
        }
    }
    Ok(())
}

/// Whether the operator writes its result.
fn is_compute(op: &Op) -> bool {
    !matches!(op, Op::Reshape | Op::Transpose(_) | Op::Slice { .. } | Op::Broadcast | Op::Concat(_))
}

/// The graph, seen from its tensors.
struct Surroundings<'g> {
    graph: &'g Graph,
    consumers: HashMap<TensorId, Vec<usize>>,
    producers: HashMap<TensorId, usize>,
}

impl<'g> Surroundings<'g> {
    fn producer(&self, id: TensorId) -> Option<&'g Node> {
        self.producers.get(&id).map(|&i| &self.graph.nodes[i])
    }

    fn readers(&self, id: TensorId) -> impl Iterator<Item = &'g Node> {
        self.consumers.get(&id).into_iter().flatten().map(|&i| &self.graph.nodes[i])
    }

    /// A tensor that a reservation can move: computed, and no port.
    fn is_free(&self, id: TensorId) -> bool {
        self.graph.tensor(id).value.is_none() && self.producers.contains_key(&id) && !self.graph.is_output(id)
    }

    /// Bytes that have to be copied for the readers of a tensor, and of its views, if it lies so. Concatenations do
    /// not count.
    fn copied_bytes(&self, id: TensorId, window: &Window) -> usize {
        let tensor = self.graph.tensor(id);
        let is_port = self.graph.is_output(id) && !window.tensor.is_dense();
        let (mut bytes, mut copied) = (0, is_port);
        for node in self.readers(id) {
            let view = match &node.op {
                Op::Concat(_) => continue,
                Op::Reshape | Op::Transpose(_) | Op::Slice { .. } | Op::Broadcast => view(self.graph, node, window),
                _ => {
                    let slots = node.inputs.iter().enumerate().filter(|(_, slot)| **slot == Some(id));
                    copied |= slots.into_iter().any(|(i, _)| !needs::of_input(&node.op, i).is_met_by(window));
                    continue;
                }
            };
            let Some(output) = node.outputs.first().copied().flatten() else { continue };
            copied |= view.is_none();
            let behind =
                view.or_else(|| Window::dense(window.base, tensor.dtype, &self.graph.tensor(output).shape).ok());
            bytes += behind.map_or(0, |behind| self.copied_bytes(output, &behind));
        }
        bytes + if copied { tensor.bytes() } else { 0 }
    }
}

/// The window of a view node's output, seen through its input's; `None` where strides cannot tell it.
fn view(graph: &Graph, node: &Node, window: &Window) -> Option<Window> {
    let shape = &graph.tensor(node.outputs.first().copied().flatten()?).shape;
    match &node.op {
        Op::Reshape => window.reshape(shape).ok()?,
        Op::Transpose(permutation) => window.transpose(permutation).ok(),
        Op::Slice { start, step } => window.slice(start, step, shape).ok(),
        Op::Broadcast => window.broadcast(shape).ok(),
        _ => None,
    }
}

/// The window of a view node's input, if its output's is to be this one.
fn viewed(graph: &Graph, node: &Node, window: &Window) -> Option<(TensorId, Window)> {
    let id = node.inputs.first().copied().flatten()?;
    let seen = match &node.op {
        Op::Reshape => window.reshape(&graph.tensor(id).shape).ok()??,
        Op::Transpose(permutation) => {
            let mut inverse = vec![0; permutation.len()];
            permutation.iter().enumerate().for_each(|(i, &p)| inverse[p] = i);
            window.transpose(&inverse).ok()?
        }
        _ => return None,
    };
    Some((id, seen))
}

/// Lets the inputs of a concatenation be written into its output, where their operators can do that.
fn reserve_parts(
    lowering: &mut Lowering<'_>,
    surroundings: &Surroundings<'_>,
    node: &Node,
    axis: usize,
) -> Result<(), Refusal> {
    let Some(output) = node.outputs.first().copied().flatten() else { return Ok(()) };
    let whole = match lowering.targets[output.0] {
        Some(window) => window,
        None => lowering.room(output)?,
    };
    lowering.targets[output.0] = Some(whole);
    let mut from = 0;
    for &id in node.inputs.iter().flatten() {
        let len = surroundings.graph.tensor(id).shape[axis];
        reserve(lowering, surroundings, id, whole.part(axis, from, len)?);
        from += len;
    }
    Ok(())
}

/// Lets a tensor be written at `part`, where that costs its other readers less than it saves.
fn reserve(lowering: &mut Lowering<'_>, surroundings: &Surroundings<'_>, id: TensorId, part: Window) {
    let graph = surroundings.graph;
    if !surroundings.is_free(id) || lowering.targets[id.0].is_some() || part.tensor.is_empty() {
        return;
    }
    let Some(producer) = surroundings.producer(id) else { return };
    match &producer.op {
        Op::Concat(_) => lowering.targets[id.0] = Some(part),
        op if is_compute(op) => {
            let tensor = graph.tensor(id);
            let natural = Window::dense(part.base, tensor.dtype, &tensor.shape);
            let spent = natural.map_or(0, |natural| surroundings.copied_bytes(id, &natural));
            let worth = surroundings.copied_bytes(id, &part) < spent + tensor.bytes();
            if needs::of_output(op).is_met_by(&part) && worth {
                lowering.targets[id.0] = Some(part);
            }
        }
        _ => {
            if let Some((viewed, window)) = viewed(graph, producer, &part) {
                reserve(lowering, surroundings, viewed, window);
            }
        }
    }
}

/// Lets a tensor be written in the order of the view that is read most cheaply.
fn suit_readers(lowering: &mut Lowering<'_>, surroundings: &Surroundings<'_>, id: TensorId) -> Result<(), Refusal> {
    let graph = surroundings.graph;
    let Some(producer) = surroundings.producer(id) else { return Ok(()) };
    let need = needs::of_output(&producer.op);
    let tensor = graph.tensor(id);
    if need == Need::Dense || tensor.is_empty() {
        return Ok(());
    }
    // The buffer is only named here; one is made when an order is chosen.
    let base = Base::Buffer(super::BufferId(usize::MAX));
    let natural = Window::dense(base, tensor.dtype, &tensor.shape)?;
    let mut least = surroundings.copied_bytes(id, &natural);
    let mut chosen = None;
    for candidate in orders(surroundings, id, base) {
        let cost = surroundings.copied_bytes(id, &candidate);
        if cost < least && need.is_met_by(&candidate) {
            (least, chosen) = (cost, Some(candidate));
        }
    }
    if let Some(window) = chosen {
        let base = Base::Buffer(lowering.program.buffer(tensor.bytes() as u64));
        lowering.targets[id.0] = Some(Window { base, ..window });
    }
    Ok(())
}

/// Most views behind one tensor that are tried.
const MAX_ORDERS: usize = 16;

/// For each view of the tensor, the window that makes the view dense.
fn orders(surroundings: &Surroundings<'_>, id: TensorId, base: Base) -> Vec<Window> {
    let graph = surroundings.graph;
    let mut found = Vec::new();
    // Views yet to be walked, each with the nodes that lead to it.
    let mut open: Vec<(TensorId, Vec<&Node>)> = vec![(id, Vec::new())];
    while let Some((seen, path)) = open.pop() {
        for node in surroundings.readers(seen) {
            let Some(output) = node.outputs.first().copied().flatten() else { continue };
            if !matches!(node.op, Op::Reshape | Op::Transpose(_)) || found.len() >= MAX_ORDERS {
                continue;
            }
            let path: Vec<&Node> = path.iter().copied().chain([node]).collect();
            let tensor = graph.tensor(output);
            let dense = Window::dense(base, tensor.dtype, &tensor.shape).ok();
            let back = |window: Window, node: &&Node| viewed(graph, node, &window).map(|(_, window)| window);
            found.extend(dense.and_then(|dense| path.iter().rev().try_fold(dense, back)));
            open.push((output, path));
        }
    }
    found
}
