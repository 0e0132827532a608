use super::*;
use binary::Kind as B;

/// Heads as exporters make them: [B, S, H·D] → [B, H, S, D].
fn heads(s: &mut Sketch, x: TensorId, h: usize, keys: bool) -> TensorId {
    let [b, t, width] = s.shape(x)[..] else { panic!("rank 3") };
    let y = s.reshape(x, &[b, t, h, width / h]);
    s.transpose(y, if keys { &[0, 2, 3, 1] } else { &[0, 2, 1, 3] })
}

fn merged(s: &mut Sketch, x: TensorId) -> TensorId {
    let [b, h, t, d] = s.shape(x)[..] else { panic!("rank 4") };
    let y = s.transpose(x, &[0, 2, 1, 3]);
    s.reshape(y, &[b, t, h * d])
}

fn attention_of(graph: &Graph) -> (ops::attention::Params, usize) {
    let node = find(graph, "attention");
    match &node.op {
        Op::Attention(p) => (*p, node.inputs.len()),
        _ => unreachable!(),
    }
}

fn start() -> (Sketch, [TensorId; 3]) {
    let mut s = Sketch::new();
    let x = s.input(&[2, 5, 12]);
    let projections = [(); 3].map(|()| s.layer(x, 12));
    (s, projections)
}

#[test]
fn scaled_scores_with_an_added_mask() {
    let (mut s, [q, k, v]) = start();
    let mask = s.input(&[2, 1, 1, 5]);
    let (q, k, v) = (heads(&mut s, q, 3, false), heads(&mut s, k, 3, true), heads(&mut s, v, 3, false));
    let y = s.matmul(q, k);
    let y = s.with(B::Div, y, 3.0);
    let wide = s.node(Op::Broadcast, &[mask], &[2, 1, 5, 5]);
    let y = s.binary(B::Add, y, wide);
    let y = s.softmax(y);
    let y = s.matmul(y, v);
    let y = merged(&mut s, y);
    s.output(y);
    let graph = s.settled();
    let (p, inputs) = attention_of(&graph);
    assert!((p.scale - 1.0 / 3.0).abs() < 1e-7 && !p.causal && inputs == 4);
    assert!(!ops_of(&graph).iter().any(|op| ["matmul", "softmax", "binary"].contains(op)));
}

#[test]
fn queries_and_keys_scaled_apart() {
    let (mut s, [q, k, v]) = start();
    let (q, k, v) = (heads(&mut s, q, 2, false), heads(&mut s, k, 2, false), heads(&mut s, v, 2, false));
    let k = s.transpose(k, &[0, 1, 3, 2]);
    let q = s.with(B::Mul, q, 0.5);
    let k = s.with(B::Mul, k, 0.25);
    let y = s.matmul(q, k);
    let y = s.softmax(y);
    let y = s.matmul(y, v);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph).iter().filter(|&&op| op == "unary" || op == "binary").count(), 0);
    find(&graph, "attention");
}

#[test]
fn a_causal_mask_needs_no_tensor() {
    let (mut s, [q, k, v]) = start();
    let values: Vec<f32> = (0..25).map(|i| if i % 5 <= i / 5 { 0.0 } else { f32::MIN }).collect();
    let mask = s.constant(&[1, 1, 5, 5], &values);
    let (q, k, v) = (heads(&mut s, q, 3, false), heads(&mut s, k, 3, true), heads(&mut s, v, 3, false));
    let y = s.matmul(q, k);
    let y = s.binary(B::Add, y, mask);
    let y = s.softmax(y);
    let y = s.matmul(y, v);
    s.output(y);
    let (p, inputs) = attention_of(&s.settled());
    assert!(p.causal && inputs == 3);
}

#[test]
fn a_condition_that_hides_scores() {
    let (mut s, [q, k, v]) = start();
    let condition = s.input_of(DType::Bool, &[1, 1, 5, 5]);
    let (q, k, v) = (heads(&mut s, q, 3, false), heads(&mut s, k, 3, true), heads(&mut s, v, 3, false));
    let y = s.matmul(q, k);
    let low = s.scalar(4, -3e38);
    let y = s.node(Op::Select, &[condition, low, y], &[2, 3, 5, 5]);
    let y = s.softmax(y);
    let y = s.matmul(y, v);
    s.output(y);
    let graph = s.settled();
    assert_eq!(attention_of(&graph).1, 4);
    assert_eq!(graph.tensor(find(&graph, "select").outputs[0].expect("a mask")).shape, [1, 1, 5, 5]);
}

#[test]
fn a_single_head_of_rank_two_with_reshapes_between() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 7, 6]);
    let x = s.reshape(x, &[7, 6]);
    let (q, k, v) = (s.layer(x, 6), s.layer(x, 6), s.layer(x, 6));
    let k = s.reshape(k, &[1, 1, 7, 6]);
    let k = s.transpose(k, &[0, 1, 3, 2]);
    let k = s.reshape(k, &[6, 7]);
    let y = s.matmul(q, k);
    let y = s.with(B::Mul, y, 0.125);
    let y = s.reshape(y, &[1, 1, 7, 7]);
    let y = s.softmax(y);
    let y = s.reshape(y, &[7, 7]);
    let y = s.matmul(y, v);
    let y = s.layer(y, 6);
    let y = s.reshape(y, &[1, 7, 6]);
    s.output(y);
    let graph = s.settled();
    assert_eq!(attention_of(&graph).0.scale, 0.125);
    assert!(!ops_of(&graph).contains(&"transpose"), "{:?}", ops_of(&graph));
}

#[test]
fn keys_shared_by_several_heads() {
    let mut s = Sketch::new();
    let (q, k, v) = (s.input(&[2, 4, 5, 6]), s.input(&[2, 1, 6, 5]), s.input(&[2, 1, 5, 6]));
    let y = s.matmul(q, k);
    let y = s.softmax(y);
    let y = s.matmul(y, v);
    s.output(y);
    let graph = s.settled();
    find(&graph, "attention");
}

#[test]
fn weights_that_leave_the_graph_stay() {
    let mut s = Sketch::new();
    let (q, k, v) = (s.input(&[1, 2, 5, 6]), s.input(&[1, 2, 6, 5]), s.input(&[1, 2, 5, 6]));
    let y = s.matmul(q, k);
    let weights = s.softmax(y);
    let y = s.matmul(weights, v);
    s.output(weights);
    assert_eq!(s.ops(y), ["matmul", "softmax", "matmul"]);
}

fn no_copies(graph: &Graph) {
    // A transposition right before or after attention is a view.
    for node in graph.nodes.iter().filter(|node| node.op.name() == "transpose") {
        let id = node.outputs[0].expect("a result");
        let read = graph.nodes.iter().filter(|reader| reader.inputs.contains(&Some(id)));
        let before = read.into_iter().all(|reader| reader.op.name() == "attention");
        let after =
            graph.nodes.iter().any(|maker| maker.outputs[0] == node.inputs[0] && maker.op.name() == "attention");
        assert!(before || after, "{:?}", ops_of(graph));
    }
}

#[test]
fn one_projection_for_queries_keys_and_values() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 5, 12]);
    let y = s.layer(x, 36);
    let y = s.reshape(y, &[2, 5, 3, 4, 3]);
    let y = s.transpose(y, &[2, 0, 3, 1, 4]);
    let [q, k, v] = [0, 1, 2].map(|part| {
        let index = s.graph.constant(format!("i{part}"), DType::I64, &[], Value::from_i64(&[part]));
        s.node(Op::Gather(ops::gather::Params { axis: 0 }), &[y, index], &[2, 4, 5, 3])
    });
    let k = s.transpose(k, &[0, 1, 3, 2]);
    let y = s.matmul(q, k);
    let y = s.softmax(y);
    let y = s.matmul(y, v);
    let y = merged(&mut s, y);
    let y = s.layer(y, 12);
    s.output(y);
    let graph = s.settled();
    find(&graph, "attention");
    no_copies(&graph);
}

#[test]
fn heads_that_were_merged_with_the_batch() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 5, 12]);
    let [q, k, v] = [(); 3].map(|()| {
        let y = s.layer(x, 12);
        let y = heads(&mut s, y, 4, false);
        s.reshape(y, &[8, 5, 3])
    });
    let k = s.transpose(k, &[0, 2, 1]);
    let y = s.matmul(q, k);
    let y = s.softmax(y);
    let y = s.matmul(y, v);
    let y = s.reshape(y, &[2, 4, 5, 3]);
    let y = merged(&mut s, y);
    s.output(y);
    let graph = s.settled();
    find(&graph, "attention");
    no_copies(&graph);
}
