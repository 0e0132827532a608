//! What the builder is given is what the reader tells.

use alloc::string::String;
use std::vec::Vec;

use super::samples::{self, Aligned, Draft};
use crate::builder::{NewTensor, PlanBuilder};
use crate::format::{ALIGN, HASH_RANGE};
use crate::ops::{self, binary};
use crate::{DType, OpCode, Plan, Space};

#[test]
fn every_part_comes_back() {
    let bytes = Aligned::new(&samples::full());
    let plan = Plan::parse(&bytes).unwrap();
    assert_eq!(plan.name(), "full");
    assert_eq!((plan.arena_bytes(), plan.state_bytes()), (128, 128));
    assert_eq!((plan.tensor_count(), plan.step_count()), (5, 3));
    assert_eq!(plan.tensor_name(3), "row");
    let state = plan.tensor(4);
    assert_eq!((state.dtype, state.space, state.offset), (DType::F32, Space::State, 64));
    assert_eq!((&state.dims[..], &state.strides[..]), (&[2, 3][..], &[3, 1][..]));
    let step = plan.step(1);
    assert_eq!((step.code, step.name, step.macs), (OpCode::Binary, "step", 1));
    let add = binary::Params { kind: binary::Kind::Add, activation: samples::RELU };
    assert_eq!(ops::read::<binary::Params>(step.params), Ok(add));
    assert_eq!((step.operands.input_index(0), step.operands.input_index(1)), (Some(4), Some(1)));
    assert_eq!((step.operands.output_index(0), step.operands.output_index(1)), (Some(4), None));
    let names: Vec<_> = plan.inputs().chain(plan.outputs()).map(|p| (p.name, p.tensor_index)).collect();
    assert_eq!(names, [("x", 0), ("y", 1), ("y again", 1)]);
    assert_eq!(&plan.fallback()[..4], b"nnef");
    assert_eq!((plan.checksum(2), plan.checksum(3)), (Some(3), None));
    assert_eq!(plan.metadata(), r#"{"labels":["ä"]}"#);
    assert_eq!(plan.stored_hash(), [7; 32]);
}

#[test]
fn golden_cases_come_back() {
    let bytes = Aligned::new(&samples::full());
    let plan = Plan::parse(&bytes).unwrap();
    assert_eq!((plan.golden_count(), plan.golden_tolerance()), (2, 1e-4));
    for case in 0..2u8 {
        let golden = plan.golden(case.into());
        assert_eq!(golden.input(0), [case; 24]);
        assert_eq!(golden.output(0), [case + 10; 24]);
        assert_eq!(golden.output(1), [case + 20; 24]);
    }
}

#[test]
fn a_plan_without_anything_is_a_plan() {
    let bytes = Aligned::new(&PlanBuilder::default().finish(|_| [0; 32]));
    let plan = Plan::parse(&bytes).unwrap();
    assert_eq!((plan.step_count(), plan.input_count(), plan.golden_count()), (0, 0, 0));
    assert_eq!(plan.metadata(), "{}");
}

#[test]
fn sections_weights_and_submodels_are_aligned() {
    let mut builder = PlanBuilder::new("aligned");
    builder.weights(&[1; 3]);
    assert_eq!(builder.weights(&[2; 5]), ALIGN as u64);
    builder.fallback(&[1; 3]);
    assert_eq!(builder.fallback(&[2; 5]), ALIGN as u32);
    let bytes = Aligned::new(&builder.finish(|_| [0; 32]));
    let plan = Plan::parse(&bytes).unwrap();
    assert_eq!(plan.weights()[ALIGN..], [2; 5]);
    assert_eq!(plan.fallback()[ALIGN..], [2; 5]);
    assert!(plan.weights().as_ptr().addr().is_multiple_of(ALIGN));
}

#[test]
fn the_hash_is_taken_with_zeros_in_its_place() {
    let mut seen = Vec::new();
    let file = PlanBuilder::new("hashed").finish(|bytes| {
        seen = bytes.to_vec();
        [9; 32]
    });
    assert_eq!(seen[HASH_RANGE], [0; 32]);
    assert_eq!(file[HASH_RANGE], [9; 32]);
    seen[HASH_RANGE].fill(9);
    assert_eq!(file, seen);
}

#[test]
fn names_are_stored_once_cut_and_without_zeros() {
    let mut d = Draft::new("twice");
    let long: String = core::iter::repeat_n('ä', 600).collect();
    for name in ["twice", "a\0b", &long] {
        let tensor = NewTensor { name, dtype: DType::U8, space: Space::Arena, offset: 0, dims: &[], strides: None };
        let tensor = d.builder.tensor(&tensor);
        d.builder.output(name, tensor);
    }
    d.builder.memory(64, 0);
    let bytes = Aligned::new(&d.finish_as_is());
    let plan = Plan::parse(&bytes).unwrap();
    assert_eq!(plan.tensor_name(0), "twice");
    assert_eq!(plan.tensor_name(1), "a b");
    assert_eq!(plan.tensor_name(2), &long[..1022]);
    assert_eq!(bytes.windows(5).filter(|w| *w == b"twice").count(), 1);
}

#[test]
fn equal_parts_give_equal_bytes() {
    assert_eq!(samples::all(), samples::all());
}
