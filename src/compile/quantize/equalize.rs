//! Cross-layer equalization: a channel that one product gives and only the next one reads may be scaled in the first and
//! scaled back in the second, through anything that commutes with it. Small channels so get their share of 8 bits. Through
//! a clamp they grow as far as the samples leave room below its bound.

use coulter_plan::ActivationKind;
use serde::{Deserialize, Serialize};

use super::kinds::{self, Kind};
use super::statistics::Statistics;
use crate::graph::{Graph, Node, Op, TensorId, Value};

/// Which channels are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Equalization {
    /// None.
    None,
    /// Those that depthwise convolutions read, whose weights have a scale for each of them anyway.
    Depthwise,
    /// Those that any product reads.
    All,
}

impl Equalization {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Depthwise => "depthwise",
            Self::All => "all",
        }
    }
}

/// Scales lie between this and its reciprocal: a channel that is all but dead in the samples may live elsewhere.
const MOST: f32 = 32.0;

/// Scales channels and gives the number of pairs.
pub(super) fn equalize(graph: &mut Graph, statistics: &[Option<Statistics>], which: Equalization) -> usize {
    let pairs = pairs(graph, which);
    let mut count = 0;
    for &(first, second, between) in &pairs {
        let peaks = statistics[between.0].as_ref().map_or(&[][..], |s| &s.peaks);
        let Some(mut scales) = scales(graph, &graph.nodes[second], peaks) else { continue };
        let bound = upper_bound(&graph.nodes[first]);
        if bound.is_finite() {
            // What the samples show stays below the bound, as it does below the bounds of ranges.
            scales
                .iter_mut()
                .zip(peaks)
                .for_each(|(s, peak)| *s = s.clamp(1.0, (bound / peak.max(bound / MOST)).max(1.0)));
        }
        let up = |c: usize| scales[c];
        let down = |c: usize| 1.0 / scales[c];
        let first_axis = kinds::output_axis(&graph.nodes[first].op);
        scale(graph, first, 1, first_axis, 1, &up);
        scale(graph, first, 2, Some(0), 1, &up);
        let (axis, groups) = input_axis(&graph.nodes[second].op);
        scale(graph, second, 1, axis, groups, &down);
        count += 1;
    }
    count
}

/// Two products with what the first gives and the second alone reads.
fn pairs(graph: &Graph, which: Equalization) -> Vec<(usize, usize, TensorId)> {
    let (producers, consumers) = (graph.producers(), graph.consumers());
    let product = |i: usize| kinds::of(graph, &graph.nodes[i]) == Kind::Product;
    let commutes = |node: &Node| {
        let function = node.op.activation().unwrap_or_default();
        let rectifies = function.kind == ActivationKind::Clamp && function.a == 0.0 && function.b > 0.0;
        rectifies || function.kind == ActivationKind::Identity
    };
    let pair = |second: usize| {
        let between = graph.nodes[second].inputs.first().copied()??;
        let first = *producers.get(&between)?;
        let wanted = match which {
            Equalization::None => false,
            Equalization::Depthwise => matches!(graph.nodes[second].op, Op::DepthwiseConv2d(_)),
            Equalization::All => true,
        };
        let alone = consumers.get(&between).is_some_and(|readers| readers.len() == 1) && !graph.is_output(between);
        let uses = graph.nodes[second].inputs.iter().filter(|id| **id == Some(between)).count();
        let has_residual = graph.nodes[first].inputs.get(3).copied().flatten().is_some();
        let fits = wanted && alone && uses == 1 && !has_residual && product(first) && product(second);
        (fits && commutes(&graph.nodes[first])).then_some((first, second, between))
    };
    (0..graph.nodes.len()).filter_map(pair).collect()
}

/// Where a product's results are cut off.
fn upper_bound(node: &Node) -> f32 {
    match node.op.activation() {
        Some(function) if function.kind == ActivationKind::Clamp => function.b,
        _ => f32::INFINITY,
    }
}

/// The scale of each channel: up to the greatest where the reader has a scale for each, else so that activations and
/// weights are spread alike.
fn scales(graph: &Graph, reader: &Node, peaks: &[f32]) -> Option<Vec<f32>> {
    let weights = graph.tensor(reader.inputs.get(1).copied()??);
    let (axis, groups) = input_axis(&reader.op);
    let axis = axis?;
    if peaks.len() != weights.shape[axis] * groups {
        return None;
    }
    let greatest = peaks.iter().fold(0.0f32, |a, b| a.max(*b));
    if matches!(reader.op, Op::DepthwiseConv2d(_)) {
        let up = |&peak: &f32| if peak > 0.0 { (greatest / peak).clamp(1.0, MOST) } else { 1.0 };
        return Some(peaks.iter().map(up).collect());
    }
    let mut of_weights = vec![0.0f32; peaks.len()];
    let values = weights.value.as_ref()?.to_f32();
    let channel = channel_of(&weights.shape, axis, groups);
    values.iter().enumerate().for_each(|(k, v)| of_weights[channel(k)] = of_weights[channel(k)].max(v.abs()));
    let raw = |(&peak, &weight): (&f32, &f32)| if peak > 0.0 && weight > 0.0 { (weight / peak).sqrt() } else { 0.0 };
    let raw: Vec<f32> = peaks.iter().zip(&of_weights).map(raw).collect();
    let known: Vec<f32> = raw.iter().copied().filter(|s| *s > 0.0).collect();
    let mean = (known.iter().map(|s| f64::from(s.ln())).sum::<f64>() / known.len().max(1) as f64).exp() as f32;
    Some(raw.iter().map(|&s| if s > 0.0 { (s / mean).clamp(1.0 / MOST, MOST) } else { 1.0 }).collect())
}

/// Dimension of a product's weights that its inputs lie along, and how many groups of them there are.
fn input_axis(op: &Op) -> (Option<usize>, usize) {
    match op {
        Op::Conv2d(p) => (Some(3), p.groups as usize),
        Op::DepthwiseConv2d(_) => (Some(2), 1),
        Op::FullyConnected(_) => (Some(0), 1),
        _ => (None, 1),
    }
}

/// The channel that element `k` of weights belongs to. With groups, the first dimension is divided among them.
fn channel_of(shape: &[usize], axis: usize, groups: usize) -> impl Fn(usize) -> usize + use<> {
    let (dim, stride) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let of_group = (shape.iter().product::<usize>() / groups.max(1)).max(1);
    move |k| k / of_group * if groups > 1 { dim } else { 0 } + k / stride % dim
}

/// Multiplies input `i` of a node by a scale for each channel.
fn scale(graph: &mut Graph, node: usize, i: usize, axis: Option<usize>, groups: usize, by: &dyn Fn(usize) -> f32) {
    let Some(id) = graph.nodes[node].inputs.get(i).copied().flatten() else { return };
    let tensor = graph.tensor(id);
    let (Some(value), Some(axis)) = (&tensor.value, axis) else { return };
    let channel = channel_of(&tensor.shape, axis, groups);
    let scaled: Vec<f32> = value.to_f32().iter().enumerate().map(|(k, v)| v * by(channel(k))).collect();
    let (name, dtype, shape) = (tensor.name.clone(), tensor.dtype, tensor.shape.clone());
    let scaled = graph.constant(name, dtype, &shape, Value::from_f32(&scaled));
    graph.nodes[node].inputs[i] = Some(scaled);
}
