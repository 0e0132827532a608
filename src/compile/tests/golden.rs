//! Golden cases: made, given, refused.

use coulter_exec::{AlignedBytes, Session, SessionOptions, verify};
use coulter_kernels::IsaSet;
use coulter_plan::ops::{binary, gather, unary};
use coulter_plan::{Activation, DType, Plan};

use super::draft::Draft;
use crate::graph::{Graph, Op};
use crate::{CompileError, CompileOptions, Compiled};

fn compile(graph: &Graph, golden_inputs: Vec<Vec<Vec<u8>>>) -> Result<Compiled, CompileError> {
    let options = CompileOptions { golden_inputs, ..CompileOptions::default() };
    crate::assemble(graph, [0; 32], &options, None, &mut |_, _| ())
}

/// Rows of a table chosen by an input.
fn lookup() -> Graph {
    let mut draft = Draft::new(1);
    let table = draft.weights(&[3, 4]);
    let indices = draft.input_of(DType::I64, &[50]);
    let moved = draft.node_of(Op::Reshape, &[Some(indices)], DType::I64, &[5, 10]);
    let y = draft.node(Op::Gather(gather::Params { axis: 0 }), &[table, moved], &[5, 10, 4]);
    let z = draft.node(Op::Unary(unary::Params { function: Activation::RELU }), &[y], &[5, 10, 4]);
    draft.output(z);
    draft.graph
}

fn indices(plan: &Plan<'_>) -> Vec<i64> {
    let bytes = plan.golden(0).input(0);
    bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().expect("eight bytes"))).collect()
}

#[test]
fn indices_are_made_below_what_they_index() {
    let compiled = compile(&lookup(), Vec::new()).expect("the graph compiles");
    let bytes = AlignedBytes::copy_of(&compiled.plan);
    let plan = Plan::parse(&bytes).expect("the plan is valid");
    let made = indices(&plan);
    assert!(made.iter().all(|i| (0..3).contains(i)) && made.contains(&2), "{made:?}");
}

#[test]
fn indices_that_arithmetic_leads_astray_become_zeros() {
    let mut draft = Draft::new(2);
    let table = draft.weights(&[2, 4]);
    let given = draft.input_of(DType::I64, &[8]);
    let seven = draft.integers(&[1], &[7]);
    let params = binary::Params { kind: binary::Kind::Mul, activation: Activation::IDENTITY };
    let scaled = draft.node_of(Op::Binary(params), &[Some(given), Some(seven)], DType::I64, &[8]);
    let y = draft.node(Op::Gather(gather::Params { axis: 0 }), &[table, scaled], &[8, 4]);
    draft.output(y);
    let compiled = compile(&draft.graph, Vec::new()).expect("the graph compiles");
    let bytes = AlignedBytes::copy_of(&compiled.plan);
    assert_eq!(indices(&Plan::parse(&bytes).expect("the plan is valid")), [0; 8]);
}

#[test]
fn given_cases_are_stored_and_hold_on_every_instruction_set() {
    let case = |i: i64| vec![[i; 50].iter().flat_map(|i| i.to_le_bytes()).collect::<Vec<u8>>()];
    let compiled = compile(&lookup(), vec![case(0), case(2)]).expect("the graph compiles");
    let bytes = AlignedBytes::copy_of(&compiled.plan);
    let plan = Plan::parse(&bytes).expect("the plan is valid");
    assert_eq!((plan.golden_count(), plan.golden(1).input(0)), (2, &case(2)[0][..]));
    let options = SessionOptions { isas: IsaSet::detect(), ..SessionOptions::default() };
    let mut session = Session::new(plan, options).expect("the plan binds");
    for case in 0..2 {
        assert_eq!(verify::golden(&mut session, case), Ok(None));
    }
}

#[test]
fn cases_that_do_not_fit_are_refused() {
    let refused = |case: Vec<Vec<u8>>| match compile(&lookup(), vec![case]) {
        Err(CompileError::Golden { case: 0, reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(vec![]), "0 inputs are given, the model has 1");
    assert_eq!(refused(vec![vec![0; 8]]), "input t1 has 8 bytes, 400 are expected");
    assert_eq!(refused(vec![vec![1; 400]]), "step 0: index 72340172838076673 is outside a dimension of 3");
}

#[test]
fn plans_without_arithmetic_on_floats_are_exact() {
    let exact = |graph: &Graph| {
        let compiled = compile(graph, Vec::new()).expect("the graph compiles");
        let bytes = AlignedBytes::copy_of(&compiled.plan);
        Plan::parse(&bytes).expect("the plan is valid").golden_tolerance() == 0.0
    };
    assert!(!exact(&lookup()));
    let mut draft = Draft::new(3);
    let x = draft.input_of(DType::I32, &[8]);
    let params = binary::Params { kind: binary::Kind::Mul, activation: Activation::IDENTITY };
    let y = draft.node_of(Op::Binary(params), &[Some(x), Some(x)], DType::I32, &[8]);
    draft.output(y);
    assert!(exact(&draft.graph));
}
