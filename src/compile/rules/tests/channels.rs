use super::*;
use binary::Kind as B;

/// Batch normalization as the front end gives it, of an NCHW tensor.
fn batch_norm(s: &mut Sketch, x: TensorId) -> TensorId {
    let c = s.shape(x)[1];
    let (scale, shift) = (s.weights(&[1, c, 1, 1]), s.weights(&[1, c, 1, 1]));
    let y = s.binary(B::Mul, x, scale);
    s.binary(B::Add, y, shift)
}

#[test]
fn batch_normalization_goes_into_the_convolution_before_it() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5, 6, 3]);
    let y = s.conv(x, 4, 3, 1);
    let y = s.transpose(y, &[0, 3, 1, 2]);
    let y = batch_norm(&mut s, y);
    let y = s.transpose(y, &[0, 2, 3, 1]);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["conv2d"]);
    assert_eq!(graph.nodes[0].onnx_nodes, ["n0", "n2", "n3"]);
}

#[test]
fn factors_and_terms_go_into_every_kind_of_producer() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 5, 5, 6]);
    let y = s.depthwise(x, 3, 0);
    let (a, b) = (s.weights(&[1, 1, 1, 6]), s.weights(&[1, 1, 1, 6]));
    let y = s.binary(B::Sub, y, a);
    let y = s.binary(B::Div, y, b);
    let y = s.with(B::Mul, y, 3.0);
    assert_eq!(s.ops(y), ["depthwise_conv2d"]);

    let mut s = Sketch::new();
    let x = s.input(&[3, 4]);
    let y = s.layer(x, 5);
    let a = s.weights(&[1, 5]);
    let y = s.binary(B::Sub, a, y);
    assert_eq!(s.ops(y), ["fully_connected"]);

    let mut s = Sketch::new();
    let x = s.input(&[1, 4, 4, 6]);
    let weights = s.weights(&[2, 3, 3, 2, 3]);
    let p = ops::conv_transpose2d::Params {
        kernel: [3; 2],
        stride: [2; 2],
        dilation: [1; 2],
        pad: [1; 4],
        output_pad: [1; 2],
        groups: 2,
        activation: Activation::IDENTITY,
    };
    let y = s.node(Op::ConvTranspose2d(p), &[x, weights], &[1, 8, 8, 4]);
    let (a, b) = (s.weights(&[1, 1, 1, 4]), s.weights(&[1, 1, 1, 4]));
    let y = s.binary(B::Mul, a, y);
    let y = s.binary(B::Add, b, y);
    assert_eq!(s.ops(y), ["conv_transpose2d"]);
}

#[test]
fn grouped_convolutions_scale_their_own_inputs() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4, 4, 6]);
    let (a, b) = (s.weights(&[1, 1, 1, 6]), s.weights(&[1, 1, 1, 6]));
    let y = s.binary(B::Mul, x, a);
    let y = s.binary(B::Add, y, b);
    let weights = s.weights(&[4, 3, 3, 3]);
    let params = conv2d::Params { groups: 2, ..conv_params(3, 0) };
    let y = s.node(Op::Conv2d(params), &[y, weights], &[1, 2, 2, 4]);
    assert_eq!(s.ops(y), ["conv2d"]);
}

#[test]
fn a_term_before_padding_stays() {
    for (pad, left) in [(0, 1), (1, 2)] {
        let mut s = Sketch::new();
        let x = s.input(&[1, 4, 4, 6]);
        let b = s.weights(&[1, 1, 1, 6]);
        let y = s.binary(B::Add, x, b);
        let y = s.depthwise(y, 3, pad);
        assert_eq!(s.ops(y).len(), left);
    }
    let mut s = Sketch::new();
    let x = s.input(&[1, 4, 4, 6]);
    let a = s.weights(&[1, 1, 1, 6]);
    let y = s.binary(B::Mul, x, a);
    let y = s.conv(y, 2, 3, 1);
    assert_eq!(s.ops(y), ["conv2d"]);
}

#[test]
fn chains_of_factors_and_terms_are_one_of_each() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 4]);
    let mut y = x;
    for kind in [B::Mul, B::Add, B::Mul, B::Add, B::Mul] {
        let c = s.weights(&[1, 4]);
        y = s.binary(kind, y, c);
    }
    assert_eq!(s.ops(y), ["binary", "binary"]);
}

#[test]
fn a_convolution_read_elsewhere_keeps_its_weights() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4, 4, 3]);
    let y = s.conv(x, 4, 3, 1);
    let a = s.weights(&[1, 1, 1, 4]);
    let z = s.binary(B::Mul, y, a);
    s.output(y);
    assert_eq!(s.ops(z), ["conv2d", "binary"]);
}

#[test]
fn a_bias_of_another_shape_is_a_residual() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 4]);
    let y = s.layer(x, 5);
    let positions = s.weights(&[1, 3, 5]);
    let y = s.binary(B::Add, y, positions);
    assert_eq!(s.ops(y), ["fully_connected", "binary"]);
}

#[test]
fn factors_and_terms_of_images_are_one_step() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3, 4, 5]);
    let x = s.relu(x);
    let (a, b) = (s.weights(&[1, 1, 1, 5]), s.weights(&[1, 1, 1, 5]));
    let y = s.binary(B::Mul, x, a);
    let y = s.binary(B::Add, y, b);
    let y = s.relu(y);
    assert_eq!(s.ops(y), ["unary", "depthwise_conv2d"]);
}

#[test]
fn factors_go_into_all_readers_or_none() {
    for also_read in [false, true] {
        let mut s = Sketch::new();
        let x = s.input(&[2, 3, 4]);
        let window = s.weights(&[1, 1, 4]);
        let y = s.binary(B::Mul, x, window);
        let (a, b) = (s.layer(y, 5), s.layer(y, 5));
        let sum = s.binary(B::Max, a, b);
        if also_read {
            s.output(y);
        }
        assert_eq!(s.ops(sum).len(), if also_read { 4 } else { 3 });
    }
}
