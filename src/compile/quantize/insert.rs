//! Gives edges their 8-bit form: a quantization followed by a dequantization, between which and the next such pair a node
//! computes what an 8-bit step will.

use std::collections::{BTreeMap, BTreeSet};

use coulter_plan::ops::{dequantize, pool2d, quantize};
use coulter_plan::{ActivationKind, DType};

use super::kinds::{self, Kind};
use super::ranges::{self, Affine, RangeMethod};
use super::statistics::Statistics;
use crate::graph::{Graph, Node, Op, Quantization, TensorId};

/// The quantization of every edge that has an 8-bit form.
pub(super) type Edges = BTreeMap<TensorId, Affine>;

/// Chooses the quantizations of all that 8-bit nodes read and give.
pub(super) fn edges(graph: &Graph, int8: &[bool], statistics: &[Option<Statistics>], method: RangeMethod) -> Edges {
    let mut heads: Vec<usize> = (0..graph.tensors.len()).collect();
    let mut bytes: BTreeSet<TensorId> = BTreeSet::new();
    let mut bounded = BTreeSet::new();
    for (node, _) in graph.nodes.iter().zip(int8).filter(|(_, int8)| **int8) {
        let inputs = kinds::byte_inputs(graph, node);
        let all: Vec<TensorId> = inputs.chain(node.outputs.iter().flatten().copied()).collect();
        bytes.extend(&all);
        if keeps_quantization(graph, node) {
            all.windows(2).for_each(|pair| unite(&mut heads, pair[0].0, pair[1].0));
        }
    }
    for node in graph.nodes.iter().filter(|node| is_probability(&node.op)) {
        bounded.extend(node.outputs.iter().flatten().filter(|id| bytes.contains(id)).map(|id| head(&heads, id.0)));
    }
    let mut classes: BTreeMap<usize, Statistics> = BTreeMap::new();
    for id in &bytes {
        if let Some(of_tensor) = &statistics[id.0] {
            let class = classes.entry(head(&heads, id.0)).or_default();
            class.merge(of_tensor);
        }
    }
    let affine = |(head, statistics): (&usize, &Statistics)| {
        let affine = match bounded.contains(head) {
            true => Affine::of(statistics.min.into(), f64::from(statistics.max).max(1.0)),
            false => ranges::choose(statistics, method),
        };
        (*head, affine)
    };
    let classes: BTreeMap<usize, Affine> = classes.iter().map(affine).collect();
    bytes.into_iter().filter_map(|id| Some((id, *classes.get(&head(&heads, id.0))?))).collect()
}

/// Whether a node gives numbers that it was given.
fn keeps_quantization(graph: &Graph, node: &Node) -> bool {
    let takes_greatest = matches!(&node.op, Op::Pool2d(p) if p.kind == pool2d::Kind::Max);
    takes_greatest || kinds::of(graph, node) == Kind::Move
}

/// Whether a node gives numbers from 0 to 1.
fn is_probability(op: &Op) -> bool {
    match op {
        Op::Softmax(p) => !p.log,
        Op::Unary(p) => matches!(p.function.kind, ActivationKind::Sigmoid | ActivationKind::HardSigmoid),
        _ => false,
    }
}

fn head(heads: &[usize], mut i: usize) -> usize {
    while heads[i] != i {
        i = heads[i];
    }
    i
}

fn unite(heads: &mut [usize], a: usize, b: usize) {
    let (a, b) = (head(heads, a), head(heads, b));
    heads[a.max(b)] = a.min(b);
}

/// Name of the 8-bit form of a tensor.
pub(super) fn byte_name(tensor: &str) -> String {
    format!("{tensor}/int8")
}

/// Puts the pairs onto the edges.
pub(super) fn insert(graph: &mut Graph, int8: &[bool], edges: &Edges) {
    let mut pairs = Pairs { edges, real: BTreeMap::new() };
    let mut nodes = Vec::with_capacity(graph.nodes.len() + 2 * edges.len());
    // What 8-bit nodes make is read by all as what is left of it; what others make, by 8-bit nodes alone.
    let mut made_int8 = BTreeSet::new();
    let inputs: Vec<TensorId> = graph.inputs.iter().map(|(_, id)| *id).collect();
    inputs.into_iter().for_each(|id| pairs.add(graph, id, "input", &mut nodes));
    for (mut node, &int8) in std::mem::take(&mut graph.nodes).into_iter().zip(int8) {
        for id in node.inputs.iter_mut().flatten() {
            if let Some(real) = pairs.real.get(id).filter(|_| int8 || made_int8.contains(id)) {
                *id = *real;
            }
        }
        let outputs: Vec<TensorId> = node.outputs.iter().flatten().copied().collect();
        let name = node.name.clone();
        nodes.push(node);
        for id in outputs {
            pairs.add(graph, id, &name, &mut nodes);
            if int8 {
                made_int8.insert(id);
            }
        }
    }
    graph.nodes = nodes;
    for (_, id) in &mut graph.outputs {
        if let Some(real) = pairs.real.get(id).filter(|_| made_int8.contains(id)) {
            *id = *real;
        }
    }
}

struct Pairs<'a> {
    edges: &'a Edges,
    /// What is left of each tensor after its bytes.
    real: BTreeMap<TensorId, TensorId>,
}

impl Pairs<'_> {
    /// Adds the pair of a tensor that is there, if it has one.
    fn add(&mut self, graph: &mut Graph, id: TensorId, maker: &str, nodes: &mut Vec<Node>) {
        let Some(affine) = self.edges.get(&id) else { return };
        if self.real.contains_key(&id) {
            return;
        }
        let tensor = graph.tensor(id).clone();
        let bytes = graph.add(byte_name(&tensor.name), DType::U8, &tensor.shape);
        let real = graph.add(format!("{}/real", tensor.name), DType::F32, &tensor.shape);
        for id in [bytes, real] {
            graph.tensors[id.0].origin.clone_from(&tensor.origin);
        }
        let (scale, zero_point) = (affine.scale, u32::from(affine.zero_point));
        graph.tensors[bytes.0].quantization =
            Some(Quantization { scales: vec![scale], zero_points: vec![zero_point as i32], axis: None });
        let helper = |what: &str, op, input, output| Node {
            name: format!("{maker}/{what}"),
            op,
            inputs: vec![Some(input)],
            outputs: vec![Some(output)],
            onnx_nodes: Vec::new(),
        };
        let params = quantize::Params { inverse_scale: 1.0 / scale, zero_point };
        nodes.push(helper("quantize", Op::Quantize(params), id, bytes));
        nodes.push(helper("dequantize", Op::Dequantize(dequantize::Params { scale, zero_point }), bytes, real));
        self.real.insert(id, real);
    }
}
