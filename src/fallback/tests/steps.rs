//! Fallback steps of plans.

use coulter_exec::{AlignedBytes, BindError, External, RunErrorKind, Session, SessionOptions};
use coulter_plan::builder::{NewTensor, PlanBuilder, TensorId};
use coulter_plan::ops::fallback::Params;
use coulter_plan::{DType, Plan, Space};

use super::models::model;
use crate::{FallbackError, Port, Tract};

/// A plan of one fallback step, whose operands are the graph's inputs and outputs.
fn plan(sub_model: &[u8], inputs: &[(DType, &[u32])], outputs: &[(DType, &[u32])]) -> AlignedBytes {
    let mut builder = PlanBuilder::new("one step");
    let mut end = 0;
    let mut room = |builder: &mut PlanBuilder, (dtype, dims): &(DType, &[u32])| {
        let offset = end;
        end += (dims.iter().product::<u32>() as u64 * dtype.size() as u64).next_multiple_of(64);
        builder.tensor(&NewTensor { name: "", dtype: *dtype, space: Space::Arena, offset, dims, strides: None })
    };
    let inputs: Vec<TensorId> = inputs.iter().map(|t| room(&mut builder, t)).collect();
    let outputs: Vec<TensorId> = outputs.iter().map(|t| room(&mut builder, t)).collect();
    builder.memory(end, 0);
    inputs.iter().for_each(|&id| builder.input("x", id));
    outputs.iter().for_each(|&id| builder.output("y", id));
    let params = Params { offset: builder.fallback(sub_model), length: sub_model.len() as u32 };
    let all = |ids: &[TensorId]| ids.iter().map(|&id| Some(id)).collect::<Vec<_>>();
    builder.step("step", &params, &all(&inputs), &all(&outputs), 0);
    AlignedBytes::copy_of(&builder.finish(|_| [0; 32]))
}

fn bind<'a>(plan: &'a [u8], external: Option<&'a mut dyn External>) -> Result<Session<'a>, BindError> {
    let plan = Plan::parse(plan).expect("the plan is valid");
    Session::new(plan, SessionOptions { external, ..SessionOptions::default() })
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn a_step_runs_through_tract() {
    let pair: (DType, &[u32]) = (DType::F32, &[2]);
    let plan = plan(&model("Sub", &[(DType::F32, &[2]), (DType::F32, &[2])]), &[pair, pair], &[pair]);
    let mut tract = Tract::default();
    let mut session = bind(&plan, Some(&mut tract)).expect("the step binds");
    session.input_mut(0).copy_from_slice(&bytes(&[5.0, 1.5]));
    session.input_mut(1).copy_from_slice(&bytes(&[2.0, 2.0]));
    assert_eq!(session.run(), Ok(()));
    assert_eq!(session.output(0), bytes(&[3.0, -0.5]));
}

#[test]
fn nothing_runs_that_was_not_allowed() {
    let plan = plan(&model("Neg", &[(DType::F32, &[2])]), &[(DType::F32, &[2])], &[(DType::F32, &[2])]);
    assert_eq!(bind(&plan, None).err(), Some(BindError::NoExternal { step: 0 }));
}

#[test]
fn a_sub_model_of_other_shapes_does_not_bind() {
    let plan = plan(&model("Neg", &[(DType::F32, &[2])]), &[(DType::F32, &[2])], &[(DType::F32, &[3])]);
    let mut tract = Tract::default();
    let errors = tract.errors();
    assert_eq!(bind(&plan, Some(&mut tract)).err(), Some(BindError::External { step: 0 }));
    let (expected, found) = ((DType::F32, vec![2]), (DType::F32, vec![3]));
    assert_eq!(errors.last(), Some(FallbackError::Mismatch { port: Port::Output(0), expected, found }));
}

#[test]
fn a_sub_model_of_other_bytes_does_not_bind() {
    let plan = plan(b"no model", &[], &[(DType::F32, &[3])]);
    let mut tract = Tract::default();
    assert_eq!(bind(&plan, Some(&mut tract)).err(), Some(BindError::External { step: 0 }));
    assert!(matches!(tract.last_error(), Some(FallbackError::NotOnnx(_))), "{:?}", tract.last_error());
}

#[test]
fn a_panic_in_a_run_is_an_error_and_the_session_lives_on() {
    let one: (DType, &[u32]) = (DType::I32, &[1]);
    let plan = plan(&model("Div", &[(DType::I32, &[1]), (DType::I32, &[1])]), &[one, one], &[one]);
    let mut tract = Tract::default();
    let errors = tract.errors();
    let mut session = bind(&plan, Some(&mut tract)).expect("the step binds");
    session.input_mut(0).copy_from_slice(&6i32.to_le_bytes());
    let failed = session.run().expect_err("division by zero");
    assert_eq!((failed.step, failed.kind), (0, RunErrorKind::External));
    assert!(matches!(errors.last(), Some(FallbackError::Panic(_))), "{:?}", errors.last());
    session.input_mut(0).copy_from_slice(&6i32.to_le_bytes());
    session.input_mut(1).copy_from_slice(&3i32.to_le_bytes());
    assert_eq!(session.run(), Ok(()));
    assert_eq!(session.output(0), 2i32.to_le_bytes());
}

#[test]
fn a_result_of_another_shape_is_an_error() {
    let nonzero = model("NonZero", &[(DType::I64, &[3])]);
    let plan = plan(&nonzero, &[(DType::I64, &[3])], &[(DType::I64, &[1, 2])]);
    let mut tract = Tract::default();
    let errors = tract.errors();
    let mut session = bind(&plan, Some(&mut tract)).expect("the step binds");
    session.input_mut(0)[..8].copy_from_slice(&1i64.to_le_bytes());
    assert_eq!(session.run().map_err(|e| e.kind), Err(RunErrorKind::External));
    let (expected, found) = ((DType::I64, vec![1, 2]), (DType::I64, vec![1, 1]));
    assert_eq!(errors.last(), Some(FallbackError::Mismatch { port: Port::Output(0), expected, found }));
    session.input_mut(0).fill(0);
    session.input_mut(0)[..8].copy_from_slice(&1i64.to_le_bytes());
    session.input_mut(0)[16..].copy_from_slice(&1i64.to_le_bytes());
    assert_eq!(session.run(), Ok(()));
    assert_eq!(session.output(0)[8..], 2i64.to_le_bytes());
}

#[test]
fn a_step_that_was_not_prepared_does_not_run() {
    let tract = Tract::default();
    assert!(!tract.run(3, &[], &mut []));
    assert_eq!(tract.last_error(), Some(FallbackError::NotPrepared(3)));
}
