use super::*;
use binary::Kind as B;

#[test]
fn functions_end_the_step_before() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 6, 6, 4]);
    let y = s.conv(x, 5, 3, 1);
    let y = s.relu(y);
    let y = s.function(y, Activation::RELU6);
    let y = s.pool(pool2d::Kind::Max, y, 2, 2, 0);
    let y = s.unary(ActivationKind::Tanh, y);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["conv2d", "pool2d"]);
    assert_eq!(graph.nodes[0].op.activation(), Some(Activation::RELU6));
    assert_eq!(graph.nodes[1].op.activation(), Some(Activation::new(ActivationKind::Tanh)));
    assert_eq!(graph.nodes[0].onnx_nodes, ["n0", "n1", "n2"]);
}

#[test]
fn a_result_that_is_needed_before_its_function_stays() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4]);
    let y = s.layer(x, 3);
    let z = s.relu(y);
    s.output(y);
    assert_eq!(s.ops(z), ["fully_connected", "unary"]);
}

#[test]
fn residuals_go_into_the_later_convolution() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 6, 6, 4]);
    let a = s.conv(x, 4, 1, 0);
    let b = s.conv(x, 4, 3, 1);
    let b = s.relu(b);
    let b = s.conv(b, 4, 3, 1);
    let y = s.binary(B::Add, a, b);
    let y = s.relu(y);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["conv2d", "conv2d", "conv2d"]);
    assert_eq!(graph.nodes[2].inputs[3], graph.nodes[0].outputs[0]);
    assert_eq!(graph.nodes[2].op.activation(), Some(Activation::RELU));
}

#[test]
fn a_broadcast_sum_is_no_residual() {
    let mut s = Sketch::new();
    let (x, r) = (s.input(&[2, 3, 4]), s.input(&[1, 3, 5]));
    let y = s.layer(x, 5);
    let y = s.binary(B::Add, y, r);
    assert_eq!(s.ops(y), ["fully_connected", "binary"]);
}

#[test]
fn products_with_constants_are_fully_connected() {
    let mut s = Sketch::new();
    let (x, w, b) = (s.input(&[2, 3, 4]), s.weights(&[1, 4, 5]), s.weights(&[1, 1, 5]));
    let y = s.matmul(x, w);
    let y = s.binary(B::Add, b, y);
    let y = s.relu(y);
    assert_eq!(s.ops(y), ["fully_connected"]);

    let mut s = Sketch::new();
    let (x, w) = (s.input(&[2, 4, 1]), s.weights(&[1, 3, 4]));
    let y = s.matmul(w, x);
    let y = s.reshape(y, &[2, 3]);
    assert_eq!(s.ops(y), ["reshape", "fully_connected", "reshape"]);

    let mut s = Sketch::new();
    let (x, w) = (s.input(&[1, 3, 4]), s.weights(&[2, 4, 5]));
    let y = s.matmul(x, w);
    assert_eq!(s.ops(y), ["matmul"]);
}

#[test]
fn scalar_factors_go_into_products() {
    let mut s = Sketch::new();
    let (a, b) = (s.input(&[2, 3, 4]), s.input(&[2, 4, 5]));
    let a = s.with(B::Mul, a, 0.5);
    let b = s.with(B::Div, b, 3.0);
    let y = s.matmul(a, b);
    let y = s.unary(ActivationKind::Neg, y);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["matmul"]);
    assert!(matches!(&graph.nodes[0].op, Op::MatMul(p) if (p.alpha + 1.0 / 6.0).abs() < 1e-7));
}

#[test]
fn padding_goes_into_convolutions_and_pools() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5, 5, 3]);
    let y = s.pad_image(x, 1, 0.0);
    let a = s.conv(y, 4, 3, 0);
    let b = s.depthwise(y, 3, 0);
    let y = s.node(Op::Concat(3), &[a, b], &[1, 5, 5, 7]);
    assert_eq!(s.ops(y), ["conv2d", "depthwise_conv2d", "concat"]);

    let cases = [
        (pool2d::Kind::Average, 0.0, false, 1),
        (pool2d::Kind::AverageWithPad, 0.0, false, 1),
        (pool2d::Kind::AverageWithPad, 1.0, false, 2),
        (pool2d::Kind::Max, 0.0, false, 2),
        (pool2d::Kind::Max, 0.0, true, 1),
        (pool2d::Kind::Max, f32::NEG_INFINITY, false, 1),
    ];
    for (kind, value, positive, left) in cases {
        let mut s = Sketch::new();
        let mut x = s.input(&[1, 5, 5, 3]);
        if positive {
            x = s.relu(x);
        }
        let y = s.pad_image(x, 1, value);
        let y = s.pool(kind, y, 3, 2, 0);
        assert_eq!(s.ops(y).len(), left + usize::from(positive), "{kind:?} {value}");
    }
}

#[test]
fn padding_wider_than_the_window_stays() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5, 5, 3]);
    let y = s.pad_image(x, 2, f32::NEG_INFINITY);
    let y = s.pool(pool2d::Kind::Max, y, 2, 1, 0);
    assert_eq!(s.ops(y), ["pad", "pool2d"]);
}

#[test]
fn padding_with_another_value_stays() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5, 5, 3]);
    let y = s.pad_image(x, 1, 1.0);
    let y = s.conv(y, 4, 3, 0);
    assert_eq!(s.ops(y), ["pad", "conv2d"]);
}

#[test]
fn the_length_of_two_products_stays_whole() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 4]);
    let (a, b) = (s.layer(x, 5), s.layer(x, 5));
    let (a, b) = (s.binary(B::Mul, a, a), s.binary(B::Mul, b, b));
    let y = s.binary(B::Add, a, b);
    let y = s.unary(ActivationKind::Sqrt, y);
    let y = s.layer(y, 2);
    assert_eq!(s.ops(y), ["fully_connected", "fully_connected", "binary", "fully_connected"]);
}

#[test]
fn residuals_are_added_before_a_reshape() {
    let mut s = Sketch::new();
    let (x, r) = (s.input(&[6, 4]), s.input(&[2, 3, 5]));
    let y = s.layer(x, 5);
    let y = s.reshape(y, &[2, 3, 5]);
    let y = s.binary(B::Add, r, y);
    assert_eq!(s.ops(y), ["reshape", "fully_connected", "reshape"]);
}

#[test]
fn constants_in_a_row_are_one() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 4]);
    let (a, b) = (s.weights(&[2, 3, 4]), s.weights(&[1, 3, 4]));
    let y = s.binary(B::Add, x, a);
    let y = s.binary(B::Sub, y, b);
    let y = s.with(B::Add, y, 2.0);
    assert_eq!(s.ops(y), ["binary"]);

    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 4]);
    let (a, b) = (s.weights(&[2, 1, 1]), s.weights(&[1, 3, 1]));
    let y = s.with(B::Mul, x, 0.1);
    let y = s.binary(B::Mul, a, y);
    let y = s.binary(B::Mul, y, b);
    assert_eq!(s.ops(y), ["binary", "binary"]);
}
