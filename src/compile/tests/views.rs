//! What moves no elements, and what must.

use coulter_plan::ops::*;
use coulter_plan::{Activation, DType};

use super::draft::Draft;
use crate::Report;
use crate::graph::{Op, TensorId};
use crate::lower::Choices;

const RELU: Op = Op::Unary(unary::Params { function: Activation::RELU });

fn copies(report: &Report) -> usize {
    report.steps.iter().filter(|step| step.op == "copy").count()
}

fn slice(start: &[usize], step: &[isize]) -> Op {
    Op::Slice { start: start.to_vec(), step: step.to_vec() }
}

fn pointwise(draft: &mut Draft, x: TensorId, [h, w, from, to]: [usize; 4]) -> TensorId {
    let weights = draft.weights(&[to, 1, 1, from]);
    let params = conv2d::Params {
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0; 4],
        groups: 1,
        activation: Activation::IDENTITY,
    };
    draft.node(Op::Conv2d(params), &[x, weights], &[1, h, w, to])
}

#[test]
fn an_input_passed_through_is_copied() {
    let mut draft = Draft::new(1);
    let x = draft.input(&[2, 3]);
    let y = draft.node(Op::Reshape, &[x], &[6]);
    draft.output(x);
    draft.output(y);
    draft.output(x);
    assert_eq!(copies(&draft.check().report), 3);
}

#[test]
fn a_constant_output_is_copied() {
    let mut draft = Draft::new(2);
    draft.input(&[1]);
    let c = draft.weights(&[3]);
    draft.output(c);
    assert_eq!(copies(&draft.check().report), 1);
}

#[test]
fn a_reshaped_result_is_an_output_as_it_is() {
    let mut draft = Draft::new(3);
    let x = draft.input(&[2, 3]);
    let y = draft.node(RELU, &[x], &[2, 3]);
    let z = draft.node(Op::Reshape, &[y], &[6]);
    draft.output(y);
    draft.output(z);
    assert_eq!(copies(&draft.check().report), 0);
}

#[test]
fn outputs_that_overlap_in_part_are_told_apart() {
    let mut draft = Draft::new(4);
    let x = draft.input(&[4, 3]);
    let y = draft.node(RELU, &[x], &[4, 3]);
    let z = draft.node(slice(&[1, 0], &[1, 1]), &[y], &[2, 3]);
    draft.output(y);
    draft.output(z);
    assert_eq!(copies(&draft.check().report), 1);
}

#[test]
fn channels_are_written_side_by_side() {
    let mut draft = Draft::new(5);
    let x = draft.input(&[1, 3, 3, 4]);
    let a = pointwise(&mut draft, x, [3, 3, 4, 5]);
    let b = pointwise(&mut draft, a, [3, 3, 5, 7]);
    let inner = draft.node(Op::Concat(3), &[a, b], &[1, 3, 3, 12]);
    let c = pointwise(&mut draft, inner, [3, 3, 12, 2]);
    let outer = draft.node(Op::Concat(3), &[c, inner], &[1, 3, 3, 14]);
    let y = pointwise(&mut draft, outer, [3, 3, 14, 3]);
    draft.output(y);
    assert_eq!(copies(&draft.check().report), 0);
}

#[test]
fn what_is_concatenated_twice_is_copied_once() {
    let mut draft = Draft::new(6);
    let x = draft.input(&[2, 3]);
    let y = draft.node(RELU, &[x], &[2, 3]);
    let z = draft.node(Op::Concat(1), &[y, y], &[2, 6]);
    let z = draft.node(Op::Concat(0), &[z, z], &[4, 6]);
    draft.output(z);
    draft.check();
}

#[test]
fn heads_are_concatenated_behind_reshapes() {
    let mut draft = Draft::new(7);
    let x = draft.input(&[1, 2, 2, 4]);
    let parts: Vec<_> = (0..2)
        .map(|_| {
            let y = pointwise(&mut draft, x, [2, 2, 4, 6]);
            draft.node(Op::Reshape, &[y], &[1, 8, 3])
        })
        .collect();
    let z = draft.node(Op::Concat(1), &parts, &[1, 16, 3]);
    draft.output(z);
    assert_eq!(copies(&draft.check().report), 0);
}

#[test]
fn reversed_and_strided_slices() {
    let mut draft = Draft::new(8);
    let x = draft.input(&[4, 6]);
    let y = draft.node(slice(&[3, 1], &[-1, 2]), &[x], &[4, 3]);
    let y = draft.node(RELU, &[y], &[4, 3]);
    let z = draft.node(slice(&[3, 5], &[-2, -1]), &[x], &[2, 6]);
    let z = draft.node(Op::Reshape, &[z], &[12]);
    draft.output(y);
    draft.output(z);
    draft.check();
}

#[test]
fn a_broadcast_that_is_reshaped_is_copied() {
    let mut draft = Draft::new(9);
    let x = draft.input(&[3, 1, 2]);
    let y = draft.node(Op::Broadcast, &[x], &[3, 4, 2]);
    let z = draft.node(Op::Reshape, &[y], &[12, 2]);
    let z = draft.node(RELU, &[z], &[12, 2]);
    draft.output(z);
    assert_eq!(copies(&draft.check().report), 1);
}

#[test]
fn in_place_spares_what_is_read_later() {
    let mut draft = Draft::new(10);
    let x = draft.input(&[2, 3]);
    let a = draft.node(RELU, &[x], &[2, 3]);
    let first = draft.node(slice(&[0, 0], &[1, 1]), &[a], &[1, 3]);
    let b = draft.node(Op::Unary(unary::Params { function: Activation::RELU6 }), &[a], &[2, 3]);
    let add = Op::Binary(binary::Params { kind: binary::Kind::Add, activation: Activation::IDENTITY });
    let c = draft.node(add, &[b, first], &[2, 3]);
    draft.output(c);
    draft.output(x);
    draft.check();
}

#[test]
fn a_part_is_split_and_joined() {
    let mut draft = Draft::new(11);
    let x = draft.input(&[1, 4, 4, 6]);
    let y = pointwise(&mut draft, x, [4, 4, 6, 8]);
    let a = draft.node(slice(&[0, 0, 0, 0], &[1, 1, 1, 1]), &[y], &[1, 4, 4, 4]);
    let b = draft.node(slice(&[0, 0, 0, 4], &[1, 1, 1, 1]), &[y], &[1, 4, 4, 4]);
    let b = pointwise(&mut draft, b, [4, 4, 4, 4]);
    let z = draft.node(Op::Concat(3), &[a, b], &[1, 4, 4, 8]);
    let z = draft.node(Op::Reshape, &[z], &[1, 4, 4, 2, 4]);
    let z = draft.node(Op::Transpose(vec![0, 1, 2, 4, 3]), &[z], &[1, 4, 4, 4, 2]);
    let z = draft.node(Op::Reshape, &[z], &[1, 4, 4, 8]);
    let z = pointwise(&mut draft, z, [4, 4, 8, 3]);
    draft.output(z);
    draft.check();
}

#[test]
fn empty_tensors_leave_no_step() {
    let mut draft = Draft::new(12);
    let x = draft.input(&[2, 3]);
    let none = draft.node(slice(&[0, 0], &[1, 1]), &[x], &[0, 3]);
    let none = draft.node(RELU, &[none], &[0, 3]);
    let y = draft.node(Op::Concat(0), &[none, x], &[2, 3]);
    draft.output(y);
    draft.output(none);
    assert_eq!(draft.check().report.steps.len(), 1);
}

#[test]
fn scalars() {
    let mut draft = Draft::new(13);
    let x = draft.input(&[]);
    let y = draft.node(RELU, &[x], &[]);
    let z = draft.node(Op::Broadcast, &[y], &[]);
    let w = draft.node(Op::Reshape, &[z], &[1, 1]);
    draft.output(w);
    draft.check();
}

#[test]
fn a_computed_weight_is_a_problem() {
    let mut draft = Draft::new(14);
    let (x, w) = (draft.input(&[2, 3]), draft.input(&[3, 4]));
    let op = Op::FullyConnected(fully_connected::Params { activation: Activation::IDENTITY });
    let y = draft.node(op.clone(), &[x, w], &[2, 4]);
    let nine = draft.node_of(Op::Reshape, &[Some(x)], DType::F32, &[1, 1, 1, 1, 1, 1, 1, 2, 3]);
    draft.output(y);
    draft.output(nine);
    let problems = crate::lower::lower(&draft.graph, Choices::ALL).expect_err("neither node can be lowered");
    let nodes: Vec<&str> = problems.iter().map(|problem| problem.onnx_node.as_str()).collect();
    assert_eq!(nodes, ["n0", "n1"], "{problems:?}");
}

#[test]
fn unsound_graphs_are_problems() {
    let refused = |op: Op, shape: &[usize]| {
        let mut draft = Draft::new(15);
        let x = draft.input(&[2, 3]);
        let y = draft.node(op, &[x], shape);
        draft.output(y);
        crate::lower::lower(&draft.graph, Choices::ALL).expect_err("the node is refused").len() == 1
    };
    assert!(refused(Op::Reshape, &[5]));
    assert!(refused(Op::Transpose(vec![1, 1]), &[3, 3]));
    assert!(refused(slice(&[1, 0], &[1, 1]), &[2, 3]));
    assert!(refused(slice(&[0, 0], &[-1, 1]), &[2, 3]));
    assert!(refused(Op::Broadcast, &[4, 3]));
    assert!(refused(Op::Concat(2), &[2, 3]));
    let mut draft = Draft::new(16);
    let x = draft.weights(&[2, 3]);
    draft.graph.tensors[x.0].shape = vec![7];
    draft.output(x);
    assert_eq!(crate::lower::lower(&draft.graph, Choices::ALL).expect_err("the constant is refused").len(), 1);
}
