//! Walking: names, folding, branches, functions, fallback, problems.

use coulter_plan::DType;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{FunctionProto, GraphProto, NodeProto, OperatorSetIdProto};

use super::draft::{Draft, array, counted, float, graph, int, ints, node, reference, text, value};
use crate::CompileOptions;
use crate::front::tensors;
use crate::graph::{Graph, Op};
use crate::tests::interpreter::Array;

fn ops(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|n| n.op.name()).collect()
}

fn folded<'a>(graph: &'a Graph, name: &str) -> &'a str {
    &graph.folded.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name} in {:?}", graph.folded)).1
}

fn named(name: &str, node: NodeProto) -> NodeProto {
    NodeProto { name: name.into(), ..node }
}

#[test]
fn nodes_are_known_by_their_names_or_their_first_outputs() {
    let draft = Draft::new(17).input("x", DType::F32, &[2]);
    let draft = draft.add(named("first", node("Relu", &["x"], &["a"], &[])));
    let graph = draft.node("Exp", &["a"], &["b"], &[]).output("b").import();
    let names: Vec<_> = graph.nodes.iter().map(|n| (n.name.as_str(), n.onnx_nodes.clone())).collect();
    assert_eq!(names, [("first", vec!["first".to_string()]), ("b", vec!["b".to_string()])]);
    assert_eq!(graph.tensor(graph.outputs[0].1).name, "b");
}

#[test]
fn what_shapes_tell_is_computed_when_compiling() {
    let draft = Draft::new(17).input("x", DType::F32, &[2, 3, 4]).ints("one", &[1]).ints("minus", &[-1]);
    let draft = draft
        .node("Shape", &["x"], &["shape"], &[])
        .node("Gather", &["shape", "one"], &["d"], &[])
        .node("Concat", &["d", "minus"], &["wanted"], &[int("axis", 0)])
        .node("Reshape", &["x", "wanted"], &["y"], &[])
        .output("y");
    let graph = draft.import();
    assert_eq!(ops(&graph), ["reshape"]);
    assert_eq!(graph.tensor(graph.outputs[0].1).shape, [3, 8]);
    assert_eq!(folded(&graph, "wanted"), "computed when compiling");
}

#[test]
fn constants_that_only_tract_can_compute_are_computed() {
    let draft = Draft::new(17).input("x", DType::F32, &[2]).floats("c", &[2], &[0.5, 0.25]);
    let draft = draft.node("Asin", &["c"], &["a"], &[]).node("Add", &["x", "a"], &["y"], &[]).output("y");
    let graph = draft.import();
    assert_eq!(ops(&graph), ["binary"]);
    let y = &draft.run(&[array(&[2], &[0.0, 0.0])])[0];
    assert!((y.values[0] - 0.5_f64.asin()).abs() < 1e-6, "{y:?}");
}

#[test]
fn nodes_without_effect_leave_nothing() {
    let draft = Draft::new(13).input("x", DType::F32, &[2]);
    let draft = draft.node("Dropout", &["x"], &["d"], &[]).node("Identity", &["d"], &["i"], &[]);
    let graph = draft.node("Relu", &["i"], &["y"], &[]).output("y").import();
    assert_eq!(ops(&graph), ["unary"]);
    assert_eq!((folded(&graph, "d"), folded(&graph, "i")), ("without effect", "without effect"));
}

#[test]
fn what_no_output_needs_is_removed() {
    let draft = Draft::new(13).input("x", DType::F32, &[2]).node("Relu", &["x"], &["y"], &[]);
    let graph = draft.node("Exp", &["y"], &["z"], &[]).output("y").import();
    assert_eq!(ops(&graph), ["unary"]);
    assert_eq!(folded(&graph, "z"), "its result is not used");
}

#[test]
fn every_output_is_a_tensor_of_its_own_that_a_node_makes() {
    let draft = Draft::new(13).input("x", DType::F32, &[2]).floats("c", &[2], &[1.0, 2.0]);
    let draft = draft.node("Relu", &["x"], &["y"], &[]).node("Identity", &["y"], &["z"], &[]);
    let graph = draft.output("x").output("c").output("y").output("z").import();
    assert_eq!(ops(&graph), ["unary", "copy", "copy", "copy"]);
    let mut ids: Vec<_> = graph.outputs.iter().map(|(_, id)| *id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

fn branch(name: &str, body: NodeProto) -> GraphProto {
    let output = vec![value(name, 1, &[])];
    GraphProto { node: vec![body], output, ..GraphProto::default() }
}

/// `If` that adds or multiplies what lies around it.
fn branching(draft: Draft) -> Draft {
    let then = branch("t", node("Add", &["x", "x"], &["t"], &[]));
    let otherwise = branch("e", node("Mul", &["x", "x"], &["e"], &[]));
    let attributes = [graph("then_branch", then), graph("else_branch", otherwise)];
    draft.input("x", DType::F32, &[2]).add(named("choice", node("If", &["c"], &["y"], &attributes))).output("y")
}

#[test]
fn a_branch_that_is_known_takes_the_place_of_the_choice() {
    let condition = tensors::write("c", DType::Bool, &[], &crate::graph::Value(vec![0].into()));
    let draft = branching(Draft::new(17).constant(condition));
    let graph = draft.import();
    assert_eq!(ops(&graph), ["binary"]);
    assert_eq!(graph.nodes[0].name, "e");
    assert!(folded(&graph, "choice").contains("else branch"));
    assert_eq!(draft.run(&[array(&[2], &[3.0, 4.0])])[0].values, [9.0, 16.0]);
}

#[test]
fn branches_that_are_chosen_at_run_time_are_both_computed() {
    let draft = branching(Draft::new(17).input("c", DType::Bool, &[]));
    assert_eq!(ops(&draft.import()), ["binary", "binary", "reshape", "select"]);
    for (choice, wanted) in [(1.0, [6.0, 8.0]), (0.0, [9.0, 16.0])] {
        let c = Array::new(DType::Bool, &[], vec![choice]);
        assert_eq!(draft.run(&[c, array(&[2], &[3.0, 4.0])])[0].values, wanted);
    }
}

/// A function `leak(v) = LeakyRelu(v)` whose slope is its attribute `slope`.
fn leak() -> FunctionProto {
    FunctionProto {
        name: Some("leak".into()),
        domain: Some("ours".into()),
        input: vec!["v".into(), "unused".into()],
        output: vec!["w".into()],
        attribute: vec!["slope".into()],
        node: vec![
            named("inner", node("LeakyRelu", &["v"], &["u"], &[reference("alpha", "slope", AttributeType::Float)])),
            node("Identity", &["u"], &["w"], &[]),
        ],
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 16 }],
        ..FunctionProto::default()
    }
}

#[test]
fn functions_of_the_model_are_replaced_by_their_bodies() {
    let call = |name: &str, x: &str, y: &str, slope: &[f32]| {
        let attributes: Vec<_> = slope.iter().map(|&s| float("slope", s)).collect();
        let inner = node("leak", &[x], &[y], &attributes);
        NodeProto { name: name.into(), domain: "ours".into(), ..inner }
    };
    let draft = Draft::new(17).function(leak()).input("x", DType::F32, &[2]);
    let draft = draft.add(call("one", "x", "a", &[0.5])).add(call("two", "a", "y", &[])).output("y");
    let graph = draft.import();
    assert_eq!(graph.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["one/inner", "two/inner"]);
    assert!(folded(&graph, "one").contains("function"));
    // 0.01 is LeakyRelu's own slope.
    let y = &draft.run(&[array(&[2], &[-2.0, 2.0])])[0].values;
    assert!((y[0] + 0.01).abs() < 1e-6 && y[1] == 2.0, "{y:?}");
}

#[test]
fn functions_that_call_themselves_are_a_problem() {
    let mut endless = leak();
    endless.node = vec![NodeProto { domain: "ours".into(), ..node("leak", &["v"], &["w"], &[]) }];
    let call = NodeProto { domain: "ours".into(), ..node("leak", &["x"], &["y"], &[]) };
    let draft = Draft::new(17).function(endless).input("x", DType::F32, &[2]).add(call).output("y");
    let problems = draft.problems(&CompileOptions::default());
    assert!(problems.iter().any(|p| p.reason.contains("lie in each other")), "{problems:?}");
}

/// A sample from the middle of four pixels: an operator that tract runs.
fn sampled() -> Draft {
    let draft = Draft::new(17).input("x", DType::F32, &[1, 1, 2, 2]).floats("grid", &[1, 1, 1, 2], &[0.0, 0.0]);
    draft.node("GridSample", &["x", "grid"], &["y"], &[]).output("y")
}

#[test]
fn what_has_no_native_form_becomes_a_model_of_one_node() {
    let graph = sampled().import();
    let [node] = &graph.nodes[..] else { panic!("one node in {:?}", ops(&graph)) };
    let Op::Fallback(fallback) = &node.op else { panic!("{:?}", node.op) };
    assert_eq!((node.inputs.len(), &fallback.ops[..]), (1, &["GridSample".to_string()][..]));
    let x: Vec<u8> = [5.0_f32, 6.0, 7.0, 10.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let y = coulter_fallback::evaluate(&fallback.model, &[(DType::F32, vec![1, 1, 2, 2], &x)]).expect("tract runs it");
    assert_eq!(crate::graph::Value(y[0].2.clone().into()).to_f32(), [7.0]);
}

#[test]
fn fallback_that_is_forbidden_is_a_problem() {
    let problems = sampled().problems(&CompileOptions { forbid_fallback: true, ..CompileOptions::default() });
    assert_eq!((problems.len(), problems[0].op.as_str()), (1, "GridSample"));
    assert!(problems[0].reason.contains("only run through tract"), "{problems:?}");
}

#[test]
fn all_problems_are_told_at_once() {
    let draft = Draft::new(17).input("x", DType::F32, &[2]);
    let draft = draft
        .node("NoSuchThing", &["x"], &["a"], &[])
        .node("Relu", &["a"], &["b"], &[])
        .node("NorThis", &["b"], &["c"], &[])
        .node("Softmax", &["x"], &["d"], &[int("axis", 4)])
        .add(NodeProto { domain: "elsewhere".into(), ..node("Relu", &["x"], &["e"], &[]) })
        .node("Relu", &["nowhere"], &["f"], &[])
        .node("Exp", &["x"], &["g", "h"], &[])
        .output("c")
        .output("h");
    let problems = draft.problems(&CompileOptions::default());
    let told: Vec<_> = problems.iter().map(|p| (p.onnx_node.as_str(), p.op.as_str())).collect();
    let wanted = [
        ("a", "NoSuchThing"),
        ("c", "NorThis"),
        ("d", "Softmax"),
        ("e", "elsewhere.Relu"),
        ("f", "Relu"),
        ("g", "Exp"),
    ];
    assert_eq!(told, wanted, "{problems:?}");
    assert!(problems.iter().all(|p| p.opset == if p.onnx_node == "e" { 1 } else { 17 } && !p.cure.is_empty()));
}

#[test]
fn after_a_problem_the_declared_shape_goes_on() {
    let mut draft = Draft::new(17).input("x", DType::F32, &[2]);
    draft.graph().value_info.push(value("a", 1, &[super::draft::Dim::Of(2)]));
    let draft = draft.node("NoSuchThing", &["x"], &["a"], &[]);
    let draft = draft.node("Transpose", &["a"], &["y"], &[ints("perm", &[1, 0])]).output("y");
    let problems = draft.problems(&CompileOptions::default());
    assert_eq!(problems.iter().map(|p| p.onnx_node.as_str()).collect::<Vec<_>>(), ["a", "y"]);
}

#[test]
fn random_answers_are_refused() {
    let draft = Draft::new(17).node("RandomNormal", &[], &["y"], &[ints("shape", &[2])]).output("y");
    let problems = draft.problems(&CompileOptions::default());
    assert!(problems[0].reason.contains("random"), "{problems:?}");
}

#[test]
fn attributes_of_another_type_are_refused() {
    let draft = Draft::new(17).input("x", DType::F32, &[2, 2]);
    let draft = draft.node("Softmax", &["x"], &["y"], &[text("axis", "last")]).output("y");
    let problems = draft.problems(&CompileOptions::default());
    assert!(problems[0].reason.contains("attribute axis"), "{problems:?}");
}

#[test]
fn half_floats_are_computed_in_f32_and_rounded() {
    let draft = Draft::new(17).input("x", DType::F16, &[2]).node("Exp", &["x"], &["y"], &[]).output("y");
    let graph = draft.import();
    assert_eq!(ops(&graph), ["cast", "unary", "cast"]);
    assert_eq!(graph.tensor(graph.outputs[0].1).dtype, DType::F16);
}

#[test]
fn transposed_tensors_tell_what_they_are_made_of() {
    let draft = Draft::new(17).input("x", DType::F32, &[1, 2, 4, 4]).floats("w", &[3, 2, 1, 1], &[1.0; 6]);
    let graph = draft.node("Conv", &["x", "w"], &["y"], &[]).output("y").import();
    let conv = graph.nodes.iter().find(|n| n.op.name() == "conv2d").expect("a convolution");
    let origin = |id: Option<crate::graph::TensorId>| graph.tensor(id.expect("an operand")).origin.clone();
    assert_eq!(origin(conv.inputs[0]), Some(("x".into(), vec![0, 2, 3, 1])));
    assert_eq!(origin(conv.outputs[0]), Some(("y".into(), vec![0, 2, 3, 1])));
}

#[test]
fn a_sum_over_a_window_is_that_of_its_elements() {
    let draft = Draft::new(17).input("x", DType::F32, &[1, 1, 2, 2]).floats("w", &[1, 1, 2, 2], &[1.0; 4]);
    let y = draft.node("Conv", &["x", "w"], &["y"], &[]).output("y").run(&[counted(&[1, 1, 2, 2])]);
    assert_eq!((y[0].shape.clone(), y[0].values.clone()), (vec![1, 1, 1, 1], vec![6.0]));
}
