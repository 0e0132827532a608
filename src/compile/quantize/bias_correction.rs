//! Rounding weights moves the mean of each output channel: biases take that back.

use super::kinds;
use super::statistics::Statistics;
use crate::graph::{Graph, Node, Op, TensorId, Value};

/// Corrects the biases of `graph`, whose weights are on their grids; `before` is the same graph with the weights as they
/// were, and `statistics` are of its tensors.
pub(super) fn correct(graph: &mut Graph, before: &Graph, int8: &[bool], statistics: &[Option<Statistics>]) {
    for (i, _) in int8.iter().enumerate().filter(|(_, int8)| **int8) {
        let Some(moved) = moved(graph, before, i, statistics) else { continue };
        let node = &graph.nodes[i];
        let old = node.inputs.get(2).copied().flatten();
        let bias = old.and_then(|id| graph.tensor(id).value.as_ref()).map(Value::to_f32);
        let bias = bias.unwrap_or_else(|| vec![0.0; moved.len()]);
        if bias.len() != moved.len() {
            continue;
        }
        let corrected: Vec<f32> = bias.iter().zip(&moved).map(|(b, m)| (f64::from(*b) - m) as f32).collect();
        let name = format!("{}/corrected bias", node.name);
        let id = graph.constant(name, coulter_plan::DType::F32, &[moved.len()], Value::from_f32(&corrected));
        let inputs = &mut graph.nodes[i].inputs;
        inputs.resize(inputs.len().max(3), None);
        inputs[2] = Some(id);
    }
}

/// How far the mean of each output channel has moved.
fn moved(graph: &Graph, before: &Graph, i: usize, statistics: &[Option<Statistics>]) -> Option<Vec<f64>> {
    let node = &graph.nodes[i];
    kinds::output_axis(&node.op)?;
    let weights =
        |graph: &Graph, node: &Node| Some(graph.tensor(node.inputs.get(1).copied()??).value.as_ref()?.to_f32());
    let (rounded, exact) = (weights(graph, node)?, weights(before, &before.nodes[i])?);
    let difference: Vec<f64> = rounded.iter().zip(&exact).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
    let x: TensorId = before.nodes[i].inputs.first().copied()??;
    let means = statistics[x.0].as_ref()?.means();
    let shape = &graph.tensor(node.inputs[1]?).shape;
    let seen = seen(before, &before.nodes[i]);
    mean(&node.op, shape, &difference, &means, &seen)
}

/// The mean of a product's outputs, channel by channel, for inputs with these means.
fn mean(op: &Op, shape: &[usize], weights: &[f64], means: &[f64], seen: &[f64]) -> Option<Vec<f64>> {
    match (op, shape) {
        (Op::FullyConnected(_), &[depth, columns]) if means.len() == depth => {
            let column = |n: usize| (0..depth).map(|k| weights[k * columns + n] * means[k]).sum();
            Some((0..columns).map(column).collect())
        }
        (Op::DepthwiseConv2d(_), &[_, _, channels]) if means.len() == channels => {
            let channel = |c: usize| {
                let taps = seen.iter().enumerate();
                taps.map(|(tap, seen)| weights[tap * channels + c] * seen).sum::<f64>() * means[c]
            };
            Some((0..channels).map(channel).collect())
        }
        (Op::Conv2d(p), &[outputs, _, _, depth]) if means.len() == depth * p.groups as usize => {
            let of_group = outputs / (p.groups as usize).max(1);
            let output = |o: usize| {
                let means = &means[o / of_group.max(1) * depth..][..depth];
                let of_tap = |(tap, seen): (usize, &f64)| {
                    let weights = &weights[(o * seen_len(shape) + tap) * depth..][..depth];
                    weights.iter().zip(means).map(|(w, m)| w * m).sum::<f64>() * seen
                };
                seen.iter().enumerate().map(of_tap).sum()
            };
            Some((0..outputs).map(output).collect())
        }
        _ => None,
    }
}

/// Taps of a convolution's filters.
fn seen_len(shape: &[usize]) -> usize {
    shape[1] * shape[2]
}

/// For each tap of a convolution the part of the output positions at which it lies on the image.
fn seen(graph: &Graph, node: &Node) -> Vec<f64> {
    let (kernel, stride, dilation, pad) = match &node.op {
        Op::Conv2d(p) => (p.kernel, p.stride, p.dilation, p.pad),
        Op::DepthwiseConv2d(p) => (p.kernel, p.stride, p.dilation, p.pad),
        _ => return Vec::new(),
    };
    let dims = |id: Option<&Option<TensorId>>| id.copied().flatten().map(|id| graph.tensor(id).shape.clone());
    let (Some(x), Some(y)) = (dims(node.inputs.first()), dims(node.outputs.first())) else { return Vec::new() };
    let along = |axis: usize| -> Vec<f64> {
        let (size, outputs) = (x[axis + 1] as i64, y[axis + 1] as i64);
        let inside = |tap: u32| {
            let at = |o: i64| o * i64::from(stride[axis]) + i64::from(tap * dilation[axis]) - i64::from(pad[axis]);
            (0..outputs).filter(|&o| (0..size).contains(&at(o))).count() as f64 / outputs.max(1) as f64
        };
        (0..kernel[axis]).map(inside).collect()
    };
    let (vertical, horizontal) = (along(0), along(1));
    vertical.iter().flat_map(|v| horizontal.iter().map(move |h| v * h)).collect()
}
