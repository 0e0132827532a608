use super::*;

#[test]
fn transpositions_that_undo_each_other_go() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 4]);
    let y = s.transpose(x, &[2, 0, 1]);
    let y = s.transpose(y, &[1, 2, 0]);
    let y = s.unary(ActivationKind::Exp, y);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["unary"]);
    assert_eq!(graph.folded.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["n0", "n1"]);
}

#[test]
fn transpositions_of_single_dimensions_are_reshapes() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5, 1, 4]);
    let y = s.transpose(x, &[1, 0, 3, 2]);
    let y = s.reshape(y, &[20]);
    assert_eq!(s.ops(y), ["reshape"]);
}

#[test]
fn an_output_that_is_an_input_is_copied() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let y = s.reshape(x, &[2, 3]);
    assert_eq!(s.ops(y), ["copy"]);
}

#[test]
fn constants_are_computed() {
    let mut s = Sketch::new();
    let (x, c, d) = (s.input(&[4, 6]), s.weights(&[3, 4]), s.weights(&[3, 4]));
    let sum = s.binary(binary::Kind::Mul, c, d);
    let sum = s.unary(ActivationKind::Tanh, sum);
    let turned = s.transpose(sum, &[1, 0]);
    let both = s.node(Op::Concat(1), &[turned, turned], &[4, 6]);
    let y = s.binary(binary::Kind::Max, x, both);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["binary"]);
    assert_eq!(graph.folded.len(), 4);
    assert_eq!(graph.tensors.len(), 3, "unused tensors go");
}

#[test]
fn a_constant_output_stays() {
    let mut s = Sketch::new();
    let _ = s.input(&[1]);
    let c = s.weights(&[2, 3]);
    let y = s.transpose(c, &[1, 0]);
    assert_eq!(s.ops(y), ["copy"]);
}

#[test]
fn slices_of_slices_and_of_parts_are_slices() {
    let mut s = Sketch::new();
    let (a, b) = (s.input(&[2, 5]), s.input(&[2, 7]));
    let joined = s.node(Op::Concat(1), &[a, b], &[2, 12]);
    let back = s.node(Op::Slice { start: vec![0, 11], step: vec![1, -1] }, &[joined], &[2, 6]);
    let y = s.node(Op::Slice { start: vec![0, 1], step: vec![1, 2] }, &[back], &[2, 3]);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["slice"]);
    assert!(matches!(&graph.nodes[0].op, Op::Slice { start, step } if start == &[0, 5] && step == &[1, -2]));
}

#[test]
fn concatenations_are_flat_and_without_empty_parts() {
    let mut s = Sketch::new();
    let (a, b, e) = (s.input(&[2, 3]), s.input(&[2, 4]), s.input(&[2, 0]));
    let inner = s.node(Op::Concat(1), &[a, e, b], &[2, 7]);
    let y = s.node(Op::Concat(1), &[inner, a], &[2, 10]);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["concat"]);
    assert_eq!(graph.nodes[0].inputs.len(), 3);
}

#[test]
fn gathering_at_even_distances_is_slicing() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 6, 3]);
    let places = s.graph.constant("places", DType::I64, &[3], Value::from_i64(&[-1, 3, 1]));
    let y = s.node(Op::Gather(ops::gather::Params { axis: 1 }), &[x, places], &[2, 3, 3]);
    assert_eq!(s.ops(y), ["slice"]);
}

#[test]
fn broadcasting_leaves_what_broadcasts_itself() {
    let mut s = Sketch::new();
    let (x, y) = (s.input(&[1, 3]), s.input(&[4, 3]));
    let wide = s.node(Op::Broadcast, &[x], &[4, 3]);
    let wide = s.unary(ActivationKind::Exp, wide);
    let y = s.binary(binary::Kind::Add, wide, y);
    let y = s.binary(binary::Kind::Max, y, wide);
    assert_eq!(s.ops(y), ["unary", "binary", "binary"]);
}

#[test]
fn reshapes_meet_behind_other_operators() {
    let mut s = Sketch::new();
    let (x, full) = (s.input(&[1, 6, 8]), s.weights(&[6, 8]));
    let y = s.reshape(x, &[6, 8]);
    let y = s.layer(y, 8);
    let y = s.softmax(y);
    let y = s.binary(binary::Kind::Mul, y, full);
    let y = s.reshape(y, &[1, 6, 8]);
    assert_eq!(s.ops(y), ["fully_connected", "softmax", "binary"]);
}

#[test]
fn reductions_of_reshaped_tensors_meet_their_reshape() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 6, 8]);
    let y = s.reshape(x, &[2, 1, 6, 8, 1]);
    let y = s.reduce(reduce::Kind::Max, y, 0b11010);
    let y = s.reshape(y, &[2, 6, 1]);
    assert_eq!(s.ops(y), ["reduce"]);
    let mut s = Sketch::new();
    let x = s.input(&[2, 6, 8]);
    let y = s.reshape(x, &[2, 2, 3, 8]);
    let y = s.reduce(reduce::Kind::Sum, y, 0b0010);
    assert_eq!(s.ops(y), ["reshape", "reduce"]);
}

#[test]
fn what_is_computed_twice_is_computed_once() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 4]);
    let (a, b) = (s.transpose(x, &[1, 0]), s.transpose(x, &[1, 0]));
    let (a, b) = (s.softmax(a), s.layer(b, 3));
    let y = s.binary(binary::Kind::Mul, a, b);
    assert_eq!(s.ops(y), ["transpose", "softmax", "fully_connected", "binary"]);
}

#[test]
fn neutral_elements_go() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4]);
    let (zeros, ones) = (s.constant(&[1, 4], &[0.0; 4]), s.constant(&[1, 4], &[1.0; 4]));
    let y = s.binary(binary::Kind::Add, zeros, x);
    let y = s.binary(binary::Kind::Mul, y, ones);
    let y = s.binary(binary::Kind::Div, y, ones);
    let y = s.binary(binary::Kind::Sub, y, zeros);
    let y = s.node(Op::Cast, &[y], &[2, 4]);
    let y = s.node(Op::Slice { start: vec![0, 0], step: vec![1, 1] }, &[y], &[2, 4]);
    let y = s.reduce(reduce::Kind::Sum, y, 0);
    let y = s.softmax(y);
    assert_eq!(s.ops(y), ["softmax"]);
}

#[test]
fn flattening_permutes_weights() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 4, 5]);
    let y = s.transpose(x, &[0, 3, 1, 2]);
    let y = s.reshape(y, &[2, 60]);
    let y = s.layer(y, 7);
    assert_eq!(s.ops(y), ["reshape", "fully_connected"]);
    let mut s = Sketch::new();
    let x = s.input(&[2, 6]);
    let y = s.layer(x, 60);
    let y = s.reshape(y, &[2, 5, 3, 4]);
    let y = s.transpose(y, &[0, 2, 3, 1]);
    assert_eq!(s.ops(y), ["fully_connected", "reshape"]);
}

#[test]
fn pools_over_all_are_reductions() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4, 4, 6]);
    let y = s.pool(pool2d::Kind::Average, x, 4, 4, 0);
    let y = s.reshape(y, &[1, 6]);
    let y = s.layer(y, 3);
    let mut graph = s;
    graph.output(y);
    let graph = graph.settled();
    assert_eq!(ops_of(&graph), ["reduce", "fully_connected", "reshape"]);
}

#[test]
fn neutral_truth_is_repeated_only() {
    let mut s = Sketch::new();
    let (mask, x, z) = (s.input_of(DType::Bool, &[1, 4]), s.input(&[3, 4]), s.input(&[3, 4]));
    let all = s.graph.constant("all", DType::Bool, &[3, 1], Value(vec![1; 3].into()));
    let params = binary::Params { kind: binary::Kind::And, activation: Activation::IDENTITY };
    let wide = s.node_of(Op::Binary(params), &[mask, all], DType::Bool, &[3, 4]);
    let y = s.node(Op::Select, &[wide, x, z], &[3, 4]);
    assert_eq!(s.ops(y), ["select"]);
}

#[test]
fn transpositions_come_after_slices_and_reshapes() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 5, 3, 4, 6]);
    let y = s.transpose(x, &[2, 0, 3, 1, 4]);
    for k in 0..3 {
        let part = s.node(Op::Slice { start: vec![k, 0, 0, 0, 0], step: vec![1; 5] }, &[y], &[1, 2, 4, 5, 6]);
        let part = s.reshape(part, &[2, 4, 5, 6]);
        s.output(part);
    }
    let graph = s.settled();
    for (k, op) in ops_of(&graph).chunks(3).enumerate() {
        assert_eq!(op, ["slice", "reshape", "transpose"], "part {k}");
    }
}
