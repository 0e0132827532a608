//! Which nodes compute in 8 bits, and why the others do not.

use std::collections::HashSet;

use super::kinds::{self, Kind};
use super::statistics::Statistics;
use crate::graph::{Graph, Node, TensorId};

/// A product with real neighbours on all sides must do so many multiplications for every number that is converted.
const WORTH: u64 = 16;

/// Why a node has its type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// 8 bits.
    Int8,
    /// Real numbers, and why.
    Real(String),
}

/// Which nodes compute in 8 bits; those named in `kept` do not.
pub(super) fn choose(graph: &Graph, statistics: &[Option<Statistics>], kept: &HashSet<String>) -> Vec<Type> {
    let kind = |node: &Node| kinds::of(graph, node);
    let mut types: Vec<Type> = graph.nodes.iter().map(|node| first(graph, node, statistics, kept)).collect();
    let (producers, consumers) = (graph.producers(), graph.consumers());
    loop {
        let mut changed = false;
        for (i, node) in graph.nodes.iter().enumerate() {
            if types[i] != Type::Int8 {
                continue;
            }
            let is_int8 = |k: &usize| types[*k] == Type::Int8;
            let mut made = kinds::byte_inputs(graph, node).filter_map(|id| producers.get(&id));
            let fed = made.any(is_int8);
            let readers = node.outputs.iter().flatten().filter_map(|id| consumers.get(id)).flatten();
            let read = readers.clone().any(is_int8);
            let why = match kind(node) {
                Kind::Product if fed || read => None,
                Kind::Product if worth_converting(graph, node) => None,
                Kind::Product => Some("converting its numbers would cost more than it saves"),
                _ if !fed => Some("what it reads is f32"),
                _ if !read => Some("what it gives is read as f32"),
                _ => None,
            };
            if let Some(why) = why {
                types[i] = Type::Real(why.into());
                changed = true;
            }
        }
        if !changed {
            return types;
        }
    }
}

fn first(graph: &Graph, node: &Node, statistics: &[Option<Statistics>], kept: &HashSet<String>) -> Type {
    if let Kind::Real(why) = kinds::of(graph, node) {
        return Type::Real(why.into());
    }
    if kept.contains(&node.name) {
        return Type::Real(KEPT.into());
    }
    let known = |id: TensorId| statistics[id.0].as_ref().is_some_and(|s| !s.wild && s.count > 0);
    let mut edges = kinds::byte_inputs(graph, node).chain(node.outputs.iter().flatten().copied());
    if edges.all(known) { Type::Int8 } else { Type::Real("its numbers are not all finite".into()) }
}

/// What [`choose`] says of the nodes that it was told to keep.
pub(super) const KEPT: &str = "kept for accuracy";

fn worth_converting(graph: &Graph, node: &Node) -> bool {
    let numbers = kinds::byte_inputs(graph, node).chain(node.outputs.iter().flatten().copied());
    macs(graph, node) >= WORTH * numbers.map(|id| graph.tensor(id).len() as u64).sum::<u64>()
}

/// Multiplications of a product.
pub(super) fn macs(graph: &Graph, node: &Node) -> u64 {
    let (Some(axis), Some(Some(w)), Some(Some(y))) =
        (kinds::output_axis(&node.op), node.inputs.get(1), node.outputs.first())
    else {
        return 0;
    };
    let (w, y) = (graph.tensor(*w), graph.tensor(*y));
    (y.len() * w.len() / w.shape[axis].max(1)) as u64
}

/// Puts one node alone into 8 bits, whatever stands around it.
pub(super) fn only(graph: &Graph, statistics: &[Option<Statistics>], name: &str) -> Vec<Type> {
    let of = |node: &Node| match node.name == name {
        true => first(graph, node, statistics, &HashSet::new()),
        false => Type::Real(KEPT.into()),
    };
    graph.nodes.iter().map(of).collect()
}
