//! Parts of a graph that compute one tensor from one other, and what they compute.
//!
//! Exporters spell a function in many ways. Rules that look for it ask what the arithmetic gives for chosen arguments,
//! not which operators it is made of.

use std::collections::HashMap;

use coulter_plan::ops::{normalize, reduce};

use super::math;
use super::view::View;
use crate::graph::{Node, Op, TensorId};

/// Most nodes of a cone.
const MAX_NODES: usize = 24;

/// Nodes that make a tensor from `leaf` and constants. Nothing else reads what is between.
pub(crate) struct Cone {
    /// The tensor that all depends on.
    pub(crate) leaf: TensorId,
    /// The nodes in topological order; the last one makes the result.
    pub(crate) nodes: Vec<usize>,
}

/// All cones that end with node `root`, from the largest to the smallest, of nodes that `admits` lets in.
pub(crate) fn ending_at(view: &View<'_>, root: usize, admits: impl Fn(usize) -> bool) -> Vec<Cone> {
    let mut nodes = vec![root];
    let mut cones = Vec::new();
    if !admits(root) {
        return cones;
    }
    while nodes.len() <= MAX_NODES {
        let edge = edge_of(view, &nodes);
        if let [leaf] = edge[..] {
            let mut sorted = nodes.clone();
            sorted.sort_unstable();
            cones.push(Cone { leaf, nodes: sorted });
        }
        // The latest node goes first, so that all its readers inside have been seen.
        let latest = edge.iter().filter_map(|&id| view.maker(id)).max();
        let Some(next) = latest.filter(|&next| admits(next) && is_inside(view, &nodes, next)) else { break };
        nodes.push(next);
    }
    cones.reverse();
    cones
}

/// Computed tensors that nodes read and do not make.
fn edge_of(view: &View<'_>, nodes: &[usize]) -> Vec<TensorId> {
    let mut edge = Vec::new();
    for id in nodes.iter().flat_map(|&i| view.node(i).inputs.iter().flatten().copied()) {
        let made_inside = view.maker(id).is_some_and(|maker| nodes.contains(&maker));
        if !made_inside && !view.is_constant(id) && !edge.contains(&id) {
            edge.push(id);
        }
    }
    edge
}

fn is_inside(view: &View<'_>, nodes: &[usize], next: usize) -> bool {
    let Some(id) = view.output(next) else { return false };
    !view.is_output(id) && view.readers(id).iter().all(|reader| nodes.contains(reader))
}

impl Cone {
    /// Where the last node stands.
    pub(crate) fn root(&self) -> usize {
        self.nodes.last().copied().unwrap_or_default()
    }

    /// What becomes of one row of the leaf, taken as the whole last dimension. Values are rows or single numbers.
    pub(crate) fn evaluate(&self, view: &View<'_>, x: &[f64]) -> Option<Vec<f64>> {
        let mut values: HashMap<TensorId, Vec<f64>> = HashMap::from([(self.leaf, x.to_vec())]);
        for &i in &self.nodes {
            let node = view.node(i);
            let mut operands = Vec::new();
            for id in node.inputs.iter() {
                operands.push(match id {
                    None => None,
                    Some(id) => Some(match values.get(id) {
                        Some(row) => row.clone(),
                        None => view.row(*id)?.into_iter().map(f64::from).collect(),
                    }),
                });
            }
            values.insert(view.output(i)?, compute(node, &operands, x.len())?);
        }
        let row = values.remove(&view.output(self.root())?)?;
        let single = row.len() == 1 && x.len() != 1;
        Some(if single { vec![row[0]; x.len()] } else { row })
    }
}

fn at(row: &[f64], i: usize) -> f64 {
    if row.len() == 1 { row[0] } else { row[i] }
}

fn compute(node: &Node, operands: &[Option<Vec<f64>>], length: usize) -> Option<Vec<f64>> {
    let operand = |k: usize| operands.get(k).and_then(Option::as_deref).filter(|row| [1, length].contains(&row.len()));
    let x = operand(0)?;
    let wide = operands.iter().flatten().map(Vec::len).max()?;
    let values = match &node.op {
        Op::Unary(p) => x.iter().map(|&x| math::activation(p.function, x)).collect(),
        Op::Binary(p) => {
            let (a, b) = (x, operand(1)?);
            (0..wide).map(|i| math::binary(p.kind, at(a, i), at(b, i))).collect()
        }
        Op::Select => {
            let (a, b) = (operand(1)?, operand(2)?);
            (0..wide).map(|i| if at(x, i) != 0.0 { at(a, i) } else { at(b, i) }).collect()
        }
        Op::Reduce(p) => vec![reduce_row(p.kind, x)?],
        Op::Normalize(p) => normalize_row(p, x, operand(1), operand(2)),
        Op::Softmax(p) => softmax_row(x, p.log),
        _ => return None,
    };
    let last = node.op.activation();
    Some(values.into_iter().map(|v: f64| last.map_or(v, |f| math::activation(f, v))).collect())
}

fn reduce_row(kind: reduce::Kind, x: &[f64]) -> Option<f64> {
    let count = x.len() as f64;
    Some(match kind {
        reduce::Kind::Sum => x.iter().sum(),
        reduce::Kind::Mean => x.iter().sum::<f64>() / count,
        reduce::Kind::Max => x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        reduce::Kind::SumSquare => x.iter().map(|v| v * v).sum(),
        reduce::Kind::MeanSquare => x.iter().map(|v| v * v).sum::<f64>() / count,
        reduce::Kind::L2 => x.iter().map(|v| v * v).sum::<f64>().sqrt(),
        reduce::Kind::LogSumExp => {
            let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            top + libm::log(x.iter().map(|v| libm::exp(v - top)).sum())
        }
        _ => return None,
    })
}

/// What `Normalize` makes of a row, its activation left out.
pub(crate) fn normalize_row(
    p: &normalize::Params,
    x: &[f64],
    scale: Option<&[f64]>,
    shift: Option<&[f64]>,
) -> Vec<f64> {
    let count = x.len() as f64;
    let mean = if p.kind == normalize::Kind::Layer { x.iter().sum::<f64>() / count } else { 0.0 };
    let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    let factor = 1.0 / (variance + f64::from(p.epsilon)).sqrt();
    let row = x.iter().enumerate();
    row.map(|(i, v)| (v - mean) * factor * scale.map_or(1.0, |s| at(s, i)) + shift.map_or(0.0, |s| at(s, i))).collect()
}

/// Softmax of a row, or its logarithm.
pub(crate) fn softmax_row(x: &[f64], log: bool) -> Vec<f64> {
    let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|v| libm::exp(v - top)).sum();
    x.iter().map(|v| if log { v - top - libm::log(sum) } else { libm::exp(v - top) / sum }).collect()
}
