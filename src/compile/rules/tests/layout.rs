use super::*;
use binary::Kind as B;

fn count(graph: &Graph, op: &str) -> usize {
    ops_of(graph).iter().filter(|&&name| name == op).count()
}

#[test]
fn a_residual_network_is_transposed_at_its_ends_only() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3, 8, 8]);
    let mut x = s.conv_nchw(x, 4, 3, 1);
    for _ in 0..3 {
        let y = s.conv_nchw(x, 4, 3, 1);
        let y = s.relu(y);
        let y = s.conv_nchw(y, 4, 3, 1);
        let y = s.binary(B::Add, x, y);
        x = s.relu(y);
    }
    s.output(x);
    let graph = s.settled();
    assert_eq!(count(&graph, "transpose"), 2);
    assert_eq!(count(&graph, "conv2d"), 7);
    assert_eq!(graph.nodes.len(), 9);
}

#[test]
fn concatenations_slices_pads_and_reductions_follow() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 8, 8, 3]);
    let x = s.transpose(x, &[0, 3, 1, 2]);
    let a = s.conv_nchw(x, 4, 3, 1);
    let b = s.conv_nchw(x, 2, 1, 0);
    let y = s.node(Op::Concat(1), &[a, b], &[1, 6, 8, 8]);
    let y = s.node(Op::Slice { start: vec![0, 1, 0, 0], step: vec![1, 1, 2, 2] }, &[y], &[1, 4, 4, 4]);
    let mut before = [0; 8];
    before[1] = 2;
    let pad = ops::pad::Params { mode: ops::pad::Mode::Constant, value: [0; 2], before };
    let y = s.node(Op::Pad(pad), &[y], &[1, 8, 4, 4]);
    let y = s.conv_nchw(y, 4, 3, 1);
    let squeezed = s.reduce(reduce::Kind::Mean, y, 0b1100);
    let squeezed = s.unary(ActivationKind::Sigmoid, squeezed);
    let y = s.binary(B::Mul, y, squeezed);
    let y = s.conv_nchw(y, 4, 1, 0);
    let y = s.reduce(reduce::Kind::Mean, y, 0b1100);
    let y = s.reshape(y, &[1, 4]);
    let y = s.softmax(y);
    s.output(y);
    let graph = s.settled();
    assert_eq!(count(&graph, "transpose"), 0, "{:?}", ops_of(&graph));
}

#[test]
fn a_classifier_reads_what_lies_there() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 1, 8, 8]);
    let y = s.conv_nchw(x, 4, 3, 1);
    let bias = s.weights(&[1, 4, 1, 1]);
    let y = s.binary(B::Add, y, bias);
    let y = s.relu(y);
    let y = s.transpose(y, &[0, 2, 3, 1]);
    let y = s.pool(pool2d::Kind::Max, y, 2, 2, 0);
    let y = s.transpose(y, &[0, 3, 1, 2]);
    let y = s.reshape(y, &[1, 64]);
    let w = s.weights(&[64, 10]);
    let y = s.matmul(y, w);
    let b = s.weights(&[1, 10]);
    let y = s.binary(B::Add, y, b);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["reshape", "conv2d", "pool2d", "reshape", "fully_connected"]);
}

#[test]
fn a_transposition_that_saves_nothing_stays() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 4]);
    let y = s.transpose(x, &[1, 2, 0]);
    let y = s.unary(ActivationKind::Exp, y);
    let y = s.softmax(y);
    s.output(y);
    assert_eq!(count(&s.settled(), "transpose"), 1);
}

#[test]
fn shuffled_channels_keep_their_images() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4, 4, 6]);
    let y = s.conv(x, 6, 1, 0);
    let y = s.transpose(y, &[0, 3, 1, 2]);
    let y = s.reshape(y, &[1, 2, 3, 4, 4]);
    let y = s.transpose(y, &[0, 2, 1, 3, 4]);
    let y = s.reshape(y, &[1, 6, 4, 4]);
    let y = s.transpose(y, &[0, 2, 3, 1]);
    let y = s.conv(y, 6, 1, 0);
    s.output(y);
    let graph = s.settled();
    assert_eq!(count(&graph, "transpose"), 1, "{:?}", ops_of(&graph));
}

#[test]
fn convolutions_over_time_are_transposed_at_their_ends_only() {
    let mut s = Sketch::new();
    let mut x = s.input(&[1, 3, 20]);
    for _ in 0..3 {
        let c = s.shape(x)[1];
        let y = s.reshape(x, &[1, c, 1, 20]);
        let y = s.transpose(y, &[0, 2, 3, 1]);
        let y = s.conv(y, 5, 1, 0);
        let y = s.transpose(y, &[0, 3, 1, 2]);
        let y = s.reshape(y, &[1, 5, 20]);
        x = s.relu(y);
    }
    s.output(x);
    let graph = s.settled();
    assert_eq!(count(&graph, "transpose"), 2, "{:?}", ops_of(&graph));
    assert_eq!(count(&graph, "conv2d"), 3);
}

#[test]
fn turned_tensors_say_where_they_come_from() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3, 4, 5]);
    let y = s.conv_nchw(x, 4, 1, 0);
    let y = s.unary(ActivationKind::Exp, y);
    let y = s.conv_nchw(y, 2, 1, 0);
    for tensor in &mut s.graph.tensors {
        tensor.origin = Some((tensor.name.clone(), (0..tensor.shape.len()).collect()));
    }
    let name = s.graph.tensor(s.graph.nodes[3].outputs[0].expect("the function's result")).name.clone();
    s.output(y);
    let graph = s.settled();
    let found = graph.tensors.iter().filter_map(|t| t.origin.as_ref()).find(|(origin, _)| *origin == name);
    assert_eq!(found, Some(&(name.clone(), vec![0, 2, 3, 1])));
}

#[test]
fn patches_of_an_image_are_rows_already() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 8, 8, 3]);
    let y = s.conv(x, 6, 1, 0);
    let y = s.transpose(y, &[0, 3, 1, 2]);
    let y = s.reshape(y, &[1, 6, 64]);
    let y = s.transpose(y, &[0, 2, 1]);
    let token = s.weights(&[1, 1, 6]);
    let y = s.node(Op::Concat(1), &[token, y], &[1, 65, 6]);
    s.output(y);
    assert_eq!(ops_of(&s.settled()), ["conv2d", "reshape", "concat"]);
}
