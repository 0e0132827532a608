//! A small change of a graph, and how it is made.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use coulter_plan::DType;

use super::view::View;
use crate::graph::{Graph, Node, Op, Quantization, Tensor, TensorId, Value};

/// What to change: nodes go, others come in their place, readers turn to other tensors.
pub(crate) struct Patch {
    first: usize,
    tensors: Vec<Tensor>,
    nodes: Vec<(Option<usize>, Node)>,
    removed: Vec<usize>,
    aliases: Vec<(TensorId, TensorId)>,
    heir: Option<usize>,
    reason: &'static str,
}

impl Patch {
    /// Changes nothing yet but takes these nodes away. Nodes that are read no more afterwards go by themselves.
    pub(crate) fn removing(view: &View<'_>, nodes: &[usize]) -> Self {
        Self {
            first: view.graph().tensors.len(),
            tensors: Vec::new(),
            nodes: Vec::new(),
            removed: nodes.to_vec(),
            aliases: Vec::new(),
            heir: None,
            reason: "without effect",
        }
    }

    /// Says what became of the ONNX nodes when no new node does their work.
    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    /// Number of new nodes.
    pub(crate) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// A new tensor.
    pub(crate) fn tensor(&mut self, name: impl Into<String>, dtype: DType, shape: &[usize]) -> TensorId {
        self.tensors.push(Tensor {
            name: name.into(),
            dtype,
            shape: shape.to_vec(),
            value: None,
            quantization: None,
            origin: None,
        });
        TensorId(self.first + self.tensors.len() - 1)
    }

    /// A new constant.
    pub(crate) fn constant(
        &mut self,
        name: impl Into<String>,
        dtype: DType,
        shape: &[usize],
        value: Value,
    ) -> TensorId {
        let id = self.tensor(name, dtype, shape);
        self.tensors[id.0 - self.first].value = Some(value);
        id
    }

    /// A new f32 constant.
    pub(crate) fn floats(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) -> TensorId {
        self.constant(name, DType::F32, shape, Value::from_f32(values))
    }

    /// Says how a new tensor is quantized.
    pub(crate) fn set_quantization(&mut self, id: TensorId, quantization: Option<Quantization>) {
        self.tensors[id.0 - self.first].quantization = quantization;
    }

    /// Says where a new tensor comes from.
    pub(crate) fn set_origin(&mut self, id: TensorId, origin: Option<(String, Vec<usize>)>) {
        self.tensors[id.0 - self.first].origin = origin;
    }

    /// A new node that helps another. Its ONNX nodes are those that the caller names.
    pub(crate) fn helper(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<Option<TensorId>>,
        output: TensorId,
        onnx_nodes: &[String],
    ) {
        let (name, onnx_nodes) = (name.to_string(), onnx_nodes.to_vec());
        self.nodes.push((None, Node { name, op, inputs, outputs: vec![Some(output)], onnx_nodes }));
    }

    /// A new node that stands where node `place` stood, as far as its operands allow.
    pub(crate) fn node_at(&mut self, place: usize, node: Node) {
        self.nodes.push((Some(place), node));
    }

    /// The new node that does the work of all that goes.
    pub(crate) fn node(&mut self, name: &str, op: Op, inputs: Vec<Option<TensorId>>, outputs: Vec<Option<TensorId>>) {
        self.heir = Some(self.nodes.len());
        self.nodes.push((None, Node { name: name.to_string(), op, inputs, outputs, onnx_nodes: Vec::new() }));
    }

    /// Readers of `old`, and graph outputs, take `new`, which has the same elements, type and shape.
    pub(crate) fn alias(&mut self, old: TensorId, new: TensorId) {
        self.aliases.push((old, new));
    }
}

/// A node computes something else: other operator, other inputs, same outputs.
pub(crate) fn replace(view: &View<'_>, i: usize, op: Op, inputs: Vec<Option<TensorId>>) -> Patch {
    let node = view.node(i);
    let mut patch = Patch::removing(view, &[i]);
    patch.node(&node.name, op, inputs, node.outputs.clone());
    patch
}

/// A node gives what `source` is already. A graph output keeps a tensor of its own where `source` cannot be one.
pub(crate) fn forward(view: &View<'_>, i: usize, source: TensorId, reason: &'static str) -> Option<Patch> {
    let result = view.output(i)?;
    let (from, to) = (view.graph().tensor(source), view.graph().tensor(result));
    if (from.dtype, &from.shape) != (to.dtype, &to.shape) {
        return None;
    }
    let source_is_free = view.maker(source).is_some() && !view.is_output(source);
    if view.is_output(result) && !source_is_free {
        let is_copy = matches!(view.node(i).op, Op::Copy);
        return (!is_copy).then(|| replace(view, i, Op::Copy, vec![Some(source)]));
    }
    let mut patch = Patch::removing(view, &[i]).because(reason);
    patch.alias(result, source);
    Some(patch)
}

/// Makes the change. Names of ONNX nodes pass from what goes to the node that does their work, else to the list of
/// folded ones.
pub(crate) fn apply(graph: &mut Graph, patch: Patch) {
    graph.tensors.extend(patch.tensors);
    let place = patch.removed.iter().copied().max().unwrap_or(graph.nodes.len());
    let mut dead = Vec::new();
    let mut kept: Vec<(usize, bool, Node)> = Vec::new();
    for (i, node) in std::mem::take(&mut graph.nodes).into_iter().enumerate() {
        if patch.removed.contains(&i) { dead.push((i, true, node)) } else { kept.push((i, false, node)) }
    }
    let heir = patch.heir;
    let fresh = patch.nodes.into_iter().enumerate();
    kept.extend(fresh.map(|(k, (at, node))| (at.unwrap_or(place), heir == Some(k), node)));
    redirect(graph, &mut kept, &patch.aliases);
    let mut kept = sorted(kept);
    sweep(graph, &mut kept, &mut dead);
    dead.sort_by_key(|(i, ..)| *i);
    pass_names_on(graph, &mut kept, &dead, patch.reason);
    graph.nodes = kept.into_iter().map(|(_, _, node)| node).collect();
}

fn redirect(graph: &mut Graph, nodes: &mut [(usize, bool, Node)], aliases: &[(TensorId, TensorId)]) {
    for &(old, new) in aliases {
        let inputs = nodes.iter_mut().flat_map(|(_, _, node)| node.inputs.iter_mut().flatten());
        inputs.filter(|id| **id == old).for_each(|id| *id = new);
        let mut leaves = false;
        for (_, id) in graph.outputs.iter_mut().filter(|(_, id)| *id == old) {
            *id = new;
            leaves = true;
        }
        if leaves {
            graph.tensors[new.0].name = graph.tensors[old.0].name.clone();
            graph.tensors[new.0].origin = graph.tensors[old.0].origin.clone();
        }
    }
}

/// Topological order; of nodes that are free to come next the one with the smallest place comes.
fn sorted(nodes: Vec<(usize, bool, Node)>) -> Vec<(usize, bool, Node)> {
    let makers: HashMap<TensorId, usize> =
        nodes.iter().enumerate().flat_map(|(k, (_, _, n))| n.outputs.iter().flatten().map(move |&t| (t, k))).collect();
    let mut waiting = vec![0; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for (k, (_, _, node)) in nodes.iter().enumerate() {
        for maker in node.inputs.iter().flatten().filter_map(|id| makers.get(id)) {
            waiting[k] += 1;
            readers[*maker].push(k);
        }
    }
    let mut free: BinaryHeap<_> =
        (0..nodes.len()).filter(|&k| waiting[k] == 0).map(|k| Reverse((nodes[k].0, k))).collect();
    let mut nodes: Vec<_> = nodes.into_iter().map(Some).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse((_, k))) = free.pop() {
        for &reader in &readers[k] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                let place = nodes[reader].as_ref().map_or(0, |(place, ..)| *place);
                free.push(Reverse((place, reader)));
            }
        }
        order.extend(nodes[k].take());
    }
    debug_assert!(nodes.iter().all(Option::is_none), "a patch made a cycle");
    order
}

/// Takes away what nobody reads.
fn sweep(graph: &Graph, nodes: &mut Vec<(usize, bool, Node)>, dead: &mut Vec<(usize, bool, Node)>) {
    let mut read: HashSet<TensorId> = graph.outputs.iter().map(|(_, id)| *id).collect();
    let mut alive = Vec::with_capacity(nodes.len());
    while let Some(entry) = nodes.pop() {
        if entry.2.outputs.iter().flatten().any(|id| read.contains(id)) {
            read.extend(entry.2.inputs.iter().flatten());
            alive.push(entry);
        } else {
            dead.push((entry.0, false, entry.2));
        }
    }
    alive.reverse();
    *nodes = alive;
}

fn pass_names_on(
    graph: &mut Graph,
    alive: &mut [(usize, bool, Node)],
    dead: &[(usize, bool, Node)],
    reason: &'static str,
) {
    let mut known: HashSet<String> = alive.iter().flat_map(|(_, _, node)| node.onnx_nodes.iter().cloned()).collect();
    let heir = alive.iter().position(|(_, is_heir, _)| *is_heir);
    for (_, replaced, node) in dead {
        for name in &node.onnx_nodes {
            match heir {
                Some(k) if (*replaced || !known.contains(name)) && !alive[k].2.onnx_nodes.contains(name) => {
                    alive[k].2.onnx_nodes.push(name.clone());
                }
                None if !known.contains(name) => graph.folded.push((name.clone(), reason.to_string())),
                _ => continue,
            }
            known.insert(name.clone());
        }
    }
}

/// Takes away nodes that no graph output needs.
pub(crate) fn sweep_nodes(graph: &mut Graph) {
    let nothing = Patch {
        first: graph.tensors.len(),
        tensors: Vec::new(),
        nodes: Vec::new(),
        removed: Vec::new(),
        aliases: Vec::new(),
        heir: None,
        reason: "no output needs it",
    };
    apply(graph, nothing);
}

/// Takes away tensors that nothing refers to, and numbers the others anew in the same order.
pub(crate) fn sweep_tensors(graph: &mut Graph) {
    let mut used = vec![false; graph.tensors.len()];
    let operands = graph.nodes.iter().flat_map(|node| node.inputs.iter().chain(&node.outputs).flatten());
    let ends = graph.inputs.iter().chain(&graph.outputs).map(|(_, id)| id);
    operands.chain(ends).for_each(|id| used[id.0] = true);
    let mut numbers = Vec::with_capacity(used.len());
    let mut next = 0;
    for &is_used in &used {
        numbers.push(TensorId(next));
        next += usize::from(is_used);
    }
    let mut flags = used.iter();
    graph.tensors.retain(|_| flags.next().is_some_and(|&is_used| is_used));
    for node in &mut graph.nodes {
        node.inputs.iter_mut().chain(&mut node.outputs).flatten().for_each(|id| *id = numbers[id.0]);
    }
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|(_, id)| *id = numbers[id.0]);
}
