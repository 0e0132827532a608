//! 8-bit weights, symmetric, with a scale for each output channel.

use std::collections::HashMap;

use super::insert::Edges;
use super::kinds;
use crate::graph::{Graph, Quantization, TensorId, Value};

/// Greatest weight; its negative is the least.
const GREATEST: f64 = 127.0;

/// How many scales are tried, and the smallest, relative to the one that cuts nothing off.
const TRIES: usize = 40;
const SMALLEST: f64 = 0.6;

/// A bias stays below so many steps: the sum that it begins has room in 32 bits.
const MOST_BIAS: f64 = (1 << 28) as f64;

/// Puts the weights of every node that computes in 8 bits on their grids and notes the scales.
pub(super) fn quantize(graph: &mut Graph, int8: &[bool], edges: &Edges) {
    let mut known: HashMap<(TensorId, Vec<u32>), TensorId> = HashMap::new();
    for (i, _) in int8.iter().enumerate().filter(|(_, int8)| **int8) {
        let node = &graph.nodes[i];
        let (Some(axis), Some(Some(x)), Some(Some(w))) =
            (kinds::output_axis(&node.op), node.inputs.first().copied(), node.inputs.get(1).copied())
        else {
            continue;
        };
        let bias = node.inputs.get(2).copied().flatten().and_then(|id| graph.tensor(id).value.as_ref());
        let bias = bias.map_or_else(Vec::new, Value::to_f32);
        let tensor = graph.tensor(w);
        let Some(values) = tensor.value.as_ref().map(Value::to_f32) else { continue };
        let step = edges.get(&x).map_or(1.0, |affine| f64::from(affine.scale));
        let (count, stride) = (tensor.shape[axis], tensor.shape[axis + 1..].iter().product::<usize>());
        let channel = |k: usize| k / stride.max(1) % count.max(1);
        let mut channels = vec![Vec::new(); count];
        values.iter().enumerate().for_each(|(k, &value)| channels[channel(k)].push(value));
        let least = |o: usize| bias.get(o).map_or(0.0, |b| f64::from(b.abs()) / (step * MOST_BIAS));
        let scales: Vec<f32> = channels.iter().enumerate().map(|(o, values)| scale(values, least(o))).collect();
        let key = (w, scales.iter().map(|scale| scale.to_bits()).collect());
        let on_grid = values.iter().enumerate().map(|(k, &value)| nearest(value, scales[channel(k)]));
        let value = Value::from_f32(&on_grid.collect::<Vec<f32>>());
        let (name, dtype, shape) = (format!("{}/int8", tensor.name), tensor.dtype, tensor.shape.clone());
        let quantized = *known.entry(key).or_insert_with(|| {
            let id = graph.constant(name, dtype, &shape, value);
            let zero_points = vec![0; scales.len()];
            graph.tensors[id.0].quantization = Some(Quantization { scales, zero_points, axis: Some(axis) });
            id
        });
        graph.nodes[i].inputs[1] = Some(quantized);
    }
}

/// The nearest weight on the grid.
pub(super) fn nearest(value: f32, scale: f32) -> f32 {
    (f64::from(value) / f64::from(scale)).round_ties_even().clamp(-GREATEST, GREATEST) as f32 * scale
}

/// The scale of least squared error, not below `least`.
fn scale(values: &[f32], least: f64) -> f32 {
    let peak = values.iter().fold(0.0f32, |peak, value| peak.max(value.abs()));
    let whole = f64::from(peak) / GREATEST;
    let floor = least.max(1e-30);
    if whole <= floor {
        return floor as f32;
    }
    let error = |scale: f32| -> f64 { values.iter().map(|&v| f64::from(nearest(v, scale) - v).powi(2)).sum() };
    let mut best = (whole as f32, error(whole as f32));
    for i in (0..TRIES).rev() {
        let scale = (whole * (SMALLEST + (1.0 - SMALLEST) * i as f64 / TRIES as f64)).max(floor) as f32;
        let error = error(scale);
        if error < best.1 {
            best = (scale, error);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_on_a_grid_stay() {
        let values: Vec<f32> = (-127..=127).map(|q| q as f32 * 0.031).collect();
        let scale = scale(&values, 0.0);
        assert!(values.iter().all(|&v| (nearest(v, scale) - v).abs() <= 1e-5));
    }

    #[test]
    fn nothing_is_worse_than_cutting_nothing_off() {
        let values: Vec<f32> = (0..200).map(|i| (i as f32 * 1.7).sin().powi(7)).chain([2.0]).collect();
        let error = |scale: f32| values.iter().map(|&v| (nearest(v, scale) - v).powi(2)).sum::<f32>();
        assert!(error(scale(&values, 0.0)) <= error(2.0 / 127.0));
        assert!(scale(&values, 0.5) >= 0.5, "the bias needs room");
        assert!(scale(&[0.0; 4], 0.0) > 0.0);
    }
}
