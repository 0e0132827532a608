use coulter_plan::ops::{conv2d, depthwise_conv2d, fully_connected, unary};
use coulter_plan::{Activation, ActivationKind};

use super::bias_correction;
use super::calibrate::calibrate;
use super::candidate::{self, Calibrated, Recipe, Scope};
use super::equalize::{Equalization, equalize};
use super::insert;
use super::ranges::RangeMethod;
use super::weights;
use crate::graph::{Graph, Op, TensorId, Value};
use crate::tests::draft::Draft;
use crate::tests::interpreter::{self, Array};

fn conv(kernel: u32, groups: u32, activation: Activation) -> Op {
    let pad = [kernel / 2; 4];
    let (kernel, stride, dilation) = ([kernel; 2], [1; 2], [1; 2]);
    Op::Conv2d(conv2d::Params { kernel, stride, dilation, pad, groups, activation })
}

fn depthwise(activation: Activation) -> Op {
    let (kernel, stride, dilation, pad) = ([3; 2], [1; 2], [1; 2], [1; 4]);
    Op::DepthwiseConv2d(depthwise_conv2d::Params { kernel, stride, dilation, pad, activation })
}

/// Convolutions one after another, with channels of very different sizes, and a fully connected layer behind.
fn network(seed: u64) -> Draft {
    let mut draft = Draft::new(seed);
    let x = draft.input(&[1, 6, 6, 4]);
    let w = draft.weights(&[8, 1, 1, 4]);
    uneven(&mut draft, w, 4);
    let b = draft.weights(&[8]);
    let y = draft.node(conv(1, 1, Activation::RELU), &[x, w, b], &[1, 6, 6, 8]);
    let (w, b) = (draft.weights(&[3, 3, 8]), draft.weights(&[8]));
    let y = draft.node(depthwise(Activation { b: 3.0, ..Activation::RELU }), &[y, w, b], &[1, 6, 6, 8]);
    let w = draft.weights(&[8, 3, 3, 4]);
    let y = draft.node(conv(3, 2, Activation::IDENTITY), &[y, w], &[1, 6, 6, 8]);
    let function = Activation::new(ActivationKind::HardSwish);
    let y = draft.node(Op::Unary(unary::Params { function }), &[y], &[1, 6, 6, 8]);
    let y = draft.node(Op::Reshape, &[y], &[1, 288]);
    let w = draft.weights(&[288, 5]);
    let y =
        draft.node(Op::FullyConnected(fully_connected::Params { activation: Activation::IDENTITY }), &[y, w], &[1, 5]);
    draft.output(y);
    draft
}

/// Makes the filters of later outputs smaller.
fn uneven(draft: &mut Draft, w: TensorId, depth: usize) {
    let tensor = &mut draft.graph.tensors[w.0];
    let values = tensor.value.as_ref().map(Value::to_f32).expect("weights are constant");
    let smaller: Vec<f32> = values.iter().enumerate().map(|(i, v)| v / (1 << (i / depth)) as f32).collect();
    tensor.value = Some(Value::from_f32(&smaller));
}

fn samples(draft: &mut Draft, count: usize) -> Vec<Vec<Array>> {
    (0..count).map(|_| draft.arrays()).collect()
}

fn bytes(samples: &[Vec<Array>]) -> Vec<Vec<Vec<u8>>> {
    samples.iter().map(|sample| sample.iter().map(Array::to_bytes).collect()).collect()
}

fn calibrated(graph: &Graph, samples: &[Vec<Array>]) -> Calibrated {
    let calibration = calibrate(graph, &bytes(samples), &mut |_, _| ()).expect("the graph runs");
    Calibrated { graph: graph.clone(), statistics: calibration.statistics }
}

/// Noise over signal of the outputs.
fn error(graph: &Graph, wanted: &Graph, samples: &[Vec<Array>]) -> f64 {
    let (mut noise, mut signal) = (0.0, 0.0);
    for sample in samples {
        let (got, wanted) = (&interpreter::run(graph, sample)[0], &interpreter::run(wanted, sample)[0]);
        for (got, wanted) in got.values.iter().zip(&wanted.values) {
            noise += (got - wanted).powi(2);
            signal += wanted.powi(2);
        }
    }
    (noise / signal).sqrt()
}

#[test]
fn equalized_channels_compute_the_same() {
    let mut draft = network(1);
    let samples = samples(&mut draft, 4);
    let calibrated = calibrated(&draft.graph, &samples);
    for (which, wanted) in [(Equalization::None, 0), (Equalization::Depthwise, 1), (Equalization::All, 2)] {
        let mut graph = draft.graph.clone();
        assert_eq!(equalize(&mut graph, &calibrated.statistics, which), wanted);
        assert!(error(&graph, &draft.graph, &samples) < 1e-5);
    }
}

#[test]
fn equalization_spreads_channels() {
    let mut draft = network(2);
    let samples = samples(&mut draft, 4);
    let plain = calibrated(&draft.graph, &samples);
    let mut graph = draft.graph.clone();
    equalize(&mut graph, &plain.statistics, Equalization::Depthwise);
    let equalized = calibrated(&graph, &samples);
    let between = draft.graph.nodes[0].outputs[0].expect("an output");
    let spread = |calibrated: &Calibrated| {
        let peaks = &calibrated.statistics[between.0].as_ref().expect("it was seen").peaks;
        let live = peaks.iter().copied().filter(|peak| *peak > 0.0);
        live.clone().fold(0.0, f32::max) / live.fold(f32::INFINITY, f32::min)
    };
    assert!(spread(&equalized) < spread(&plain) / 2.0, "{} {}", spread(&equalized), spread(&plain));
}

#[test]
fn corrected_biases_keep_the_means() {
    let mut draft = network(3);
    let samples = samples(&mut draft, 16);
    let calibrated = calibrated(&draft.graph, &samples);
    let all = vec![true; draft.graph.nodes.len()];
    let edges = insert::edges(&draft.graph, &all, &calibrated.statistics, RangeMethod::MinMax);
    // The first two layers stay as they are: the third sees what was calibrated.
    let third: Vec<bool> = (0..all.len()).map(|i| i == 2).collect();
    let mut rounded = draft.graph.clone();
    weights::quantize(&mut rounded, &third, &edges);
    let mut corrected = rounded.clone();
    bias_correction::correct(&mut corrected, &draft.graph, &third, &calibrated.statistics);
    let result = draft.graph.nodes[2].outputs[0].expect("an output");
    let moved = |graph: &Graph| {
        let mut means = [0.0; 8];
        for sample in &samples {
            let of = |graph: &Graph| interpreter::values(graph, sample)[result.0].clone().expect("it is computed");
            let (got, wanted) = (of(graph), of(&draft.graph));
            got.values.iter().zip(&wanted.values).enumerate().for_each(|(i, (g, w))| means[i % 8] += g - w);
        }
        means.iter().map(|mean| mean.abs()).sum::<f64>()
    };
    assert!(moved(&corrected) < moved(&rounded) / 3.0, "{} {}", moved(&corrected), moved(&rounded));
}

#[test]
fn a_quantized_graph_does_nearly_the_same() {
    let mut draft = network(4);
    super::prepare::split(&mut draft.graph);
    let samples = samples(&mut draft, 16);
    let calibrated = calibrated(&draft.graph, &samples);
    for ranges in RangeMethod::ALL {
        let recipe = Recipe { ranges, equalization: Equalization::None, correct_biases: true };
        let quantized = candidate::quantize(&calibrated, &recipe, &Scope::Without(&Default::default()));
        let error = error(&quantized.graph, &draft.graph, &samples);
        // So few samples tell little of a distribution.
        let most = if ranges == RangeMethod::Entropy { 0.5 } else { 0.05 };
        assert!((1e-6..most).contains(&error), "{ranges:?}: {error}");
    }
}
