//! Operators between bytes become operators on bytes, and give what they gave, within a byte.

use coulter_plan::ops::{binary, dequantize, quantize, resize};
use coulter_plan::requantize::ResidualKind;

use super::*;
use crate::graph::Quantization;

impl Sketch {
    fn bytes(&mut self, shape: &[usize]) -> TensorId {
        self.input_of(DType::U8, shape)
    }

    fn quantize(&mut self, x: TensorId, scale: f32, zero_point: u32) -> TensorId {
        let shape = self.shape(x);
        let params = quantize::Params { inverse_scale: 1.0 / scale, zero_point };
        self.node_of(Op::Quantize(params), &[x], DType::U8, &shape)
    }

    fn dequantize(&mut self, x: TensorId, scale: f32, zero_point: u32) -> TensorId {
        let shape = self.shape(x);
        self.node(Op::Dequantize(dequantize::Params { scale, zero_point }), &[x], &shape)
    }

    /// To bytes and back.
    fn rounded(&mut self, x: TensorId, scale: f32, zero_point: u32) -> TensorId {
        let bytes = self.quantize(x, scale, zero_point);
        self.dequantize(bytes, scale, zero_point)
    }

    /// A dequantized input.
    fn real(&mut self, shape: &[usize], scale: f32, zero_point: u32) -> TensorId {
        let x = self.bytes(shape);
        self.dequantize(x, scale, zero_point)
    }

    /// Weights on a grid: from `least` to `greatest` steps, with scales along `axis`, or one.
    fn grid(&mut self, shape: &[usize], [least, greatest]: [i64; 2], axis: Option<usize>) -> TensorId {
        let count = axis.map_or(1, |axis| shape[axis]);
        let inner: usize = axis.map_or(1, |axis| shape[axis + 1..].iter().product());
        let scales: Vec<f32> = (0..count).map(|i| 0.01 + 0.003 * (i % 7) as f32).collect();
        let steps: Vec<i64> = {
            let width = (greatest - least) as usize;
            (0..shape.iter().product()).map(|_| least + self.rng.in_range(0..=width) as i64).collect()
        };
        let value = |(i, &step): (usize, &i64)| step as f32 * scales[i / inner % count];
        let values: Vec<f32> = steps.iter().enumerate().map(value).collect();
        let id = self.constant(shape, &values);
        self.graph.tensors[id.0].quantization = Some(Quantization { scales, zero_points: vec![0; count], axis });
        id
    }

    /// As [`Sketch::conv`], of weights on a grid with a scale for each output.
    fn grid_conv(&mut self, x: TensorId, o: usize, kernel: usize, pad: usize) -> TensorId {
        let y = self.conv(x, o, kernel, pad);
        let c = self.shape(x)[3];
        self.with_weights(y, &[o, kernel, kernel, c], [-127, 127], Some(0));
        y
    }

    /// Gives the latest node weights on a grid.
    fn with_weights(&mut self, y: TensorId, shape: &[usize], range: [i64; 2], axis: Option<usize>) {
        let weights = self.grid(shape, range, axis);
        let node = self.graph.nodes.last_mut().expect("there is a node");
        assert_eq!(node.outputs, [Some(y)]);
        node.inputs[1] = Some(weights);
    }

    /// Applies all rules; bytes stay the same within `most`, no ONNX node is lost.
    fn absorbed(mut self, result: TensorId, most: f64) -> Graph {
        self.output(result);
        let inputs: Vec<Array> = self.graph.inputs.clone().iter().map(|(_, id)| self.array(*id)).collect();
        let before = interpreter::run(&self.graph, &inputs);
        let mut graph = self.graph.clone();
        crate::rules::apply(&mut graph);
        crate::quantize::absorb(&mut graph);
        check_structure(&self.graph, &graph);
        let after = interpreter::run(&graph, &inputs);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((before.dtype, &before.shape), (after.dtype, &after.shape));
            let same = |(a, b): (&f64, &f64)| (a - b).abs() <= most;
            let wrong = before.values.iter().zip(&after.values).position(|pair| !same(pair));
            assert_eq!(wrong, None, "{before:?} {after:?} {:#?}", graph.nodes);
            assert!(before.values.iter().any(|v| *v != before.values[0]), "the case says nothing: {before:?}");
        }
        let mut again = graph.clone();
        crate::quantize::absorb(&mut again);
        assert_eq!(ops_of(&again), ops_of(&graph), "a second time changes nothing");
        graph
    }
}

const RELU6: Activation = Activation::RELU6;

#[test]
fn a_convolution_takes_in_scales_bias_and_bounds() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 5, 6, 3], 0.02, 100);
    let y = s.grid_conv(x, 5, 3, 1);
    let y = s.function(y, RELU6);
    let y = s.quantize(y, 0.03, 7);
    let graph = s.absorbed(y, 1.0);
    assert_eq!(ops_of(&graph), ["qconv2d"]);
    let Op::QConv2d(p) = &graph.nodes[0].op else { panic!("a convolution") };
    assert_eq!((p.x_zero, p.w_zero, p.requantize.low, p.requantize.high), (100, 0, 7, 207));
}

#[test]
fn factors_of_channels_become_scales() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 4, 4, 4], 0.02, 128);
    let y = s.grid_conv(x, 3, 1, 0);
    let (factor, term) = (s.constant(&[1, 1, 1, 3], &[0.5, 2.0, 1.5]), s.constant(&[1, 1, 1, 3], &[0.1, -0.4, 0.0]));
    let y = s.binary(binary::Kind::Mul, y, factor);
    let y = s.binary(binary::Kind::Add, y, term);
    let y = s.quantize(y, 0.1, 120);
    assert_eq!(ops_of(&s.absorbed(y, 1.0)), ["qconv2d"]);
}

#[test]
fn unsigned_weights_keep_their_zero_point() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 6, 5, 19], 0.02, 3);
    let y = s.depthwise(x, 3, 1);
    s.with_weights(y, &[3, 3, 19], [-146, 109], None);
    let y = s.quantize(y, 0.1, 130);
    let graph = s.absorbed(y, 1.0);
    assert_eq!(ops_of(&graph), ["qdepthwise_conv2d"]);
    let Op::QDepthwiseConv2d(p) = &graph.nodes[0].op else { panic!("a convolution") };
    assert!((17..=18).contains(&p.w_zero), "{}", p.w_zero);
}

#[test]
fn weights_too_far_apart_stay_real() {
    let mut s = Sketch::new();
    let x = s.real(&[2, 30], 0.02, 3);
    let y = s.layer(x, 20);
    s.with_weights(y, &[30, 20], [-200, 200], Some(1));
    let y = s.quantize(y, 0.4, 130);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["dequantize", "fully_connected", "quantize"]);
}

#[test]
fn sums_that_could_overflow_stay_real() {
    let mut s = Sketch::new();
    let x = s.real(&[2, 30], 1e-8, 3);
    let y = s.layer(x, 20);
    s.with_weights(y, &[30, 20], [-127, 127], None);
    let y = s.quantize(y, 0.01, 130);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["dequantize", "fully_connected", "quantize"]);
}

#[test]
fn channels_without_weights_give_their_bias() {
    let mut s = Sketch::new();
    let x = s.real(&[2, 8], 1e-7, 3);
    let y = s.layer(x, 6);
    s.with_weights(y, &[8, 6], [0, 0], Some(1));
    let y = s.quantize(y, 0.01, 130);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["qfully_connected"]);
}

#[test]
fn a_quantized_sum_is_added_after_rounding() {
    let mut s = Sketch::new();
    let x = s.bytes(&[1, 4, 4, 8]);
    let real = s.dequantize(x, 0.02, 100);
    let y = s.grid_conv(real, 8, 3, 1);
    let y = s.rounded(y, 0.05, 90);
    let y = s.binary(binary::Kind::Add, y, real);
    let y = s.relu(y);
    let y = s.quantize(y, 0.04, 0);
    let graph = s.absorbed(y, 1.0);
    assert_eq!(ops_of(&graph), ["qconv2d"]);
    let Op::QConv2d(p) = &graph.nodes[0].op else { panic!("a convolution") };
    assert_eq!((p.residual.kind, p.residual.inner.zero, p.residual.zero), (ResidualKind::Rounded, 90, 100));
}

#[test]
fn a_sum_that_is_not_quantized_is_added_before_rounding() {
    let mut s = Sketch::new();
    let (x, r) = (s.real(&[3, 9], 0.02, 100), s.real(&[3, 17], 0.01, 128));
    let y = s.layer(x, 17);
    s.with_weights(y, &[9, 17], [-127, 127], Some(1));
    let y = s.binary(binary::Kind::Add, y, r);
    let y = s.quantize(y, 0.1, 100);
    let graph = s.absorbed(y, 1.0);
    assert_eq!(ops_of(&graph), ["qfully_connected"]);
    let Op::QFullyConnected(p) = &graph.nodes[0].op else { panic!("a layer") };
    assert_eq!(p.residual.kind, ResidualKind::Plain);
}

#[test]
fn sums_differences_and_products_are_of_bytes() {
    for kind in [binary::Kind::Add, binary::Kind::Sub, binary::Kind::Mul] {
        let mut s = Sketch::new();
        let (a, b) = (s.real(&[2, 3, 8], 0.02, 100), s.real(&[2, 1, 8], 0.03, 50));
        let y = s.binary(kind, a, b);
        let y = s.relu(y);
        let y = s.quantize(y, 0.05, 10);
        assert_eq!(ops_of(&s.absorbed(y, 1.0)), ["qbinary"], "{kind:?}");
        let mut s = Sketch::new();
        let (a, b) = (s.real(&[2, 3, 8], 0.02, 100), s.weights(&[2, 3, 8]));
        let y = s.binary(kind, b, a);
        let y = s.quantize(y, 0.05, 110);
        assert_eq!(ops_of(&s.absorbed(y, 1.0)), ["qbinary"], "{kind:?} of a constant");
    }
}

#[test]
fn functions_are_tables() {
    let mut s = Sketch::new();
    let x = s.real(&[2, 300], 0.05, 120);
    let gate = s.unary(ActivationKind::Sigmoid, x);
    let y = s.binary(binary::Kind::Mul, x, gate);
    let y = s.with(binary::Kind::Add, y, 0.3);
    let y = s.quantize(y, 0.04, 30);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["table"]);
}

#[test]
fn functions_of_channels_are_tables_of_channels() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 4, 4, 5], 0.05, 120);
    let slopes = s.weights(&[1, 1, 1, 5]);
    let y = s.binary(binary::Kind::PRelu, x, slopes);
    let y = s.quantize(y, 0.06, 90);
    let graph = s.absorbed(y, 0.0);
    assert_eq!(ops_of(&graph), ["table"]);
    assert_eq!(graph.tensor(graph.nodes[0].inputs[1].expect("a table")).shape, [5, 256]);
}

#[test]
fn factors_and_terms_of_channels_are_tables_of_channels() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 4, 4, 5], 0.05, 120);
    let (factor, term) = (s.weights(&[1, 1, 1, 5]), s.weights(&[1, 1, 1, 5]));
    let y = s.binary(binary::Kind::Mul, x, factor);
    let y = s.binary(binary::Kind::Add, y, term);
    let y = s.quantize(y, 0.06, 90);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["table"]);
}

#[test]
fn a_product_takes_in_what_follows_it() {
    for (kind, has_table) in [(ActivationKind::HardSwish, true), (ActivationKind::Abs, true)] {
        let mut s = Sketch::new();
        let x = s.real(&[1, 4, 4, 8], 0.02, 100);
        let y = s.grid_conv(x, 6, 3, 1);
        let y = s.rounded(y, 0.05, 128);
        let y = s.unary(kind, y);
        let y = s.quantize(y, 0.03, 20);
        let graph = s.absorbed(y, 6.0);
        assert_eq!((ops_of(&graph), graph.nodes[0].inputs.len() == 6), (vec!["qconv2d"], has_table));
    }
    let mut s = Sketch::new();
    let x = s.real(&[1, 4, 4, 8], 0.02, 100);
    let y = s.grid_conv(x, 6, 3, 1);
    let y = s.rounded(y, 0.05, 128);
    let y = s.relu(y);
    let y = s.quantize(y, 0.05, 128);
    let graph = s.absorbed(y, 1.0);
    assert_eq!((ops_of(&graph), graph.nodes[0].inputs.len()), (vec!["qconv2d"], 4));
}

#[test]
fn means_and_sums_are_of_bytes() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 5, 5, 3], 0.02, 100);
    let y = s.pool(pool2d::Kind::Average, x, 3, 2, 1);
    let y = s.quantize(y, 0.013, 90);
    assert_eq!(ops_of(&s.absorbed(y, 1.0)), ["qpool2d"]);
    for (kind, axes, shape) in [
        (reduce::Kind::Mean, 0b110, vec![1, 5, 4, 3]),
        (reduce::Kind::Mean, 0b010, vec![4, 6, 9]),
        (reduce::Kind::Sum, 0b110, vec![4, 3, 2]),
    ] {
        let mut s = Sketch::new();
        let x = s.real(&shape, 0.02, 100);
        let y = s.reduce(kind, x, axes);
        let y = s.quantize(y, 0.03, 90);
        let ops = ops_of(&s.absorbed(y, 1.0));
        assert!(ops.iter().all(|op| ["qpool2d", "reshape"].contains(op)), "{ops:?}");
    }
}

#[test]
fn means_that_keep_their_scale_are_added_as_written() {
    for (scale, x_scale) in [(0.02, 0.02), (0.013, 0.0)] {
        let mut s = Sketch::new();
        let x = s.real(&[1, 8, 8, 3], 0.02, 100);
        let y = s.pool(pool2d::Kind::Average, x, 8, 8, 0);
        let y = s.quantize(y, scale, 100);
        s.graph.tensors[y.0].quantization = Some(Quantization::whole(scale, 100));
        s.output(y);
        let inputs: Vec<Array> = s.graph.inputs.clone().iter().map(|(_, id)| s.array(*id)).collect();
        let before = interpreter::run(&s.graph, &inputs);
        crate::quantize::absorb_as_written(&mut s.graph);
        let Op::QPool2d(p) = &s.graph.nodes[0].op else { panic!("{:?}", s.graph.nodes) };
        assert_eq!((p.scale == scale, p.x_scale), (x_scale != 0.0, x_scale));
        let after = interpreter::run(&s.graph, &inputs);
        assert!(before[0].values.iter().zip(&after[0].values).all(|(a, b)| (a - b).abs() <= 1.0));
    }
}

#[test]
fn means_of_dimensions_apart_stay_real() {
    let mut s = Sketch::new();
    let x = s.real(&[4, 6, 9], 0.02, 100);
    let y = s.reduce(reduce::Kind::Mean, x, 0b101);
    let y = s.quantize(y, 0.003, 90);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["dequantize", "reduce", "quantize"]);
}

#[test]
fn softmax_is_of_bytes() {
    let mut s = Sketch::new();
    let x = s.real(&[3, 10], 0.05, 120);
    let y = s.softmax(x);
    let y = s.quantize(y, 1.0 / 256.0, 0);
    assert_eq!(ops_of(&s.absorbed(y, 1.0)), ["qsoftmax"]);
}

#[test]
fn what_is_quantized_alike_again_vanishes() {
    let mut s = Sketch::new();
    let x = s.bytes(&[1, 4, 4, 8]);
    let y = s.dequantize(x, 0.02, 100);
    let y = s.transpose(y, &[0, 3, 1, 2]);
    let y = s.rounded(y, 0.02, 100);
    let y = s.transpose(y, &[0, 2, 3, 1]);
    let y = s.quantize(y, 0.04, 20);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["table"]);
}

#[test]
fn parts_of_parts_that_double_end() {
    let mut s = Sketch::new();
    let mut y = s.real(&[2, 1], 0.02, 100);
    for doublings in 1..14 {
        y = s.node(Op::Concat(1), &[y, y], &[2, 1 << doublings]);
        let other = s.quantize(y, 0.03, 7);
        s.output(other);
    }
    let y = s.quantize(y, 0.04, 90);
    s.absorbed(y, 0.0);
}

#[test]
fn parts_of_a_concatenation_come_to_one_scale() {
    let mut s = Sketch::new();
    let (a, b) = (s.real(&[1, 4, 4, 8], 0.02, 100), s.real(&[1, 4, 4, 3], 0.03, 90));
    let y = s.node(Op::Concat(3), &[a, b], &[1, 4, 4, 11]);
    let y = s.quantize(y, 0.03, 90);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["table", "concat"]);
}

#[test]
fn moves_of_real_numbers_are_moves_of_bytes() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 6, 6, 4], 0.02, 100);
    let y = s.pool(pool2d::Kind::Max, x, 2, 2, 0);
    let y = s.pad_image(y, 1, 0.0);
    let resized = resize::Params {
        mode: resize::Mode::Nearest,
        coordinates: resize::Coordinates::HalfPixel,
        nearest: resize::Nearest::RoundPreferFloor,
        cubic_a: -0.75,
        scales: [2.0, 3.0],
    };
    let y = s.node(Op::Resize(resized), &[y], &[1, 10, 15, 4]);
    let slice = Op::Slice { start: vec![0, 2, 0, 1], step: vec![1, 1, 1, 1] };
    let y = s.node(slice, &[y], &[1, 8, 15, 2]);
    let y = s.grid_conv(y, 3, 3, 1);
    let y = s.quantize(y, 0.04, 120);
    let ops = ops_of(&s.absorbed(y, 1.0));
    assert_eq!(ops.last(), Some(&"qconv2d"));
    let of_bytes = ["qpool2d", "pad", "reshape", "broadcast", "slice", "qconv2d"];
    assert!(ops.iter().all(|op| of_bytes.contains(op)), "{ops:?}");
}

#[test]
fn quantizing_goes_before_moves() {
    let mut s = Sketch::new();
    let x = s.real(&[1, 6, 6, 4], 0.02, 100);
    let y = s.grid_conv(x, 8, 3, 1);
    let y = s.pool(pool2d::Kind::Max, y, 2, 2, 0);
    let y = s.pad_image(y, 1, 0.5);
    let y = s.quantize(y, 0.03, 110);
    assert_eq!(ops_of(&s.absorbed(y, 1.0)), ["qconv2d", "qpool2d", "pad"]);
}

#[test]
fn few_channels_are_made_four() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3, 6, 5]);
    let x = s.rounded(x, 0.02, 100);
    let x = s.transpose(x, &[0, 2, 3, 1]);
    let y = s.grid_conv(x, 6, 3, 1);
    let y = s.rounded(y, 0.03, 90);
    let y = s.grid_conv(y, 5, 1, 0);
    let y = s.quantize(y, 0.05, 110);
    let graph = s.absorbed(y, 1.0);
    assert_eq!(ops_of(&graph), ["transpose", "quantize", "qconv2d", "qconv2d"]);
    let channels = |i: usize| graph.tensor(graph.nodes[i].outputs[0].expect("one")).shape[3];
    assert_eq!([1, 2, 3].map(channels), [4, 8, 5]);
}

#[test]
fn signed_bytes_are_unsigned_within() {
    let mut s = Sketch::new();
    let x = s.bytes(&[1, 4, 4, 8]);
    let flips: Vec<u8> = (0..=255).map(|byte| byte ^ 0x80).collect();
    let table = s.graph.constant("flip", DType::U8, &[256], Value(flips.into()));
    let y = s.dequantize(x, 0.02, 100);
    let y = s.grid_conv(y, 8, 1, 0);
    let y = s.quantize(y, 0.05, 110);
    let signed = s.node_of(Op::Table, &[y, table], DType::I8, &[1, 4, 4, 8]);
    let start = |first| Op::Slice { start: vec![0, 0, 0, first], step: vec![1; 4] };
    let [a, b] = [0, 4].map(|first| s.node_of(start(first), &[signed], DType::I8, &[1, 4, 4, 4]));
    let signed = s.node_of(Op::Concat(3), &[b, a], DType::I8, &[1, 4, 4, 8]);
    let y = s.node_of(Op::Table, &[signed, table], DType::U8, &[1, 4, 4, 8]);
    assert_eq!(ops_of(&s.absorbed(y, 1.0)), ["qconv2d", "slice", "slice", "concat"]);
}

#[test]
fn what_has_no_form_on_bytes_stays_real_between_them() {
    let mut s = Sketch::new();
    let x = s.real(&[4, 6], 0.02, 100);
    let op = Op::Normalize(ops::normalize::Params {
        kind: ops::normalize::Kind::Layer,
        epsilon: 1e-5,
        activation: Activation::IDENTITY,
    });
    let y = s.node(op, &[x], &[4, 6]);
    let y = s.rounded(y, 0.03, 128);
    let y = s.relu(y);
    let y = s.quantize(y, 0.03, 0);
    assert_eq!(ops_of(&s.absorbed(y, 0.0)), ["dequantize", "normalize", "quantize", "table"]);
}
