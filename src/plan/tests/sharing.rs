//! What a step's operands may share, and the quick answers against enumeration.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::checker::{addresses, bytes};
use super::operators::cause;
use crate::builder::TensorId;
use crate::ops::*;
use crate::{Activation, DType, Dims, OpError, Space, Tensor};

fn tensor(offset: u64, dims: &[u32], strides: &[i32]) -> Tensor {
    Tensor {
        dtype: DType::F32,
        space: Space::Arena,
        offset,
        dims: Dims::new(dims).unwrap(),
        strides: Dims::new(strides).unwrap(),
    }
}

#[test]
fn columns_of_one_matrix_are_disjoint() {
    let left = tensor(0, &[3, 2], &[6, 1]);
    let right = tensor(8, &[3, 4], &[6, 1]);
    assert!(left.is_disjoint_from(&right) && right.is_disjoint_from(&left));
    assert!(!left.is_disjoint_from(&tensor(4, &[3, 4], &[6, 1])));
    assert!(!right.is_disjoint_from(&tensor(8, &[3, 5], &[6, 1])));
    // A column block of a part of the rows.
    assert!(left.is_disjoint_from(&tensor(24 + 8, &[1, 2, 2], &[0, 6, 1])));
    // The same pitch, another type.
    let halves = Tensor { dtype: DType::F16, ..tensor(8, &[3, 8], &[12, 1]) };
    assert!(left.is_disjoint_from(&halves));
    assert!(!tensor(0, &[3, 3], &[6, 1]).is_disjoint_from(&halves));
}

#[test]
fn nested_concatenations_are_disjoint() {
    // Four quarters of a [4, 4, 6] buffer: two along its second dimension, of each two along its last.
    let quarter = |h: u64, c: u64| tensor(4 * (h * 12 + c * 3), &[4, 2, 3], &[24, 6, 1]);
    let all = [quarter(0, 0), quarter(0, 1), quarter(1, 0), quarter(1, 1)];
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert_eq!(a.is_disjoint_from(b), i != j, "{i} {j}");
        }
    }
}

#[test]
fn overlapping_strides_are_not_injective() {
    assert!(tensor(0, &[3, 4], &[4, 1]).is_injective());
    assert!(tensor(0, &[3, 4], &[1, 3]).is_injective());
    assert!(tensor(99, &[3, 4], &[-4, -1]).is_injective());
    assert!(tensor(0, &[1, 4], &[0, 1]).is_injective());
    assert!(!tensor(0, &[3, 4], &[3, 1]).is_injective());
    assert!(!tensor(0, &[3, 4], &[0, 1]).is_injective());
    assert!(!tensor(0, &[2], &[0]).is_injective());
}

proptest! {
    #[test]
    fn quick_answers_are_right(
        a in (0u64..12, prop::collection::vec((1u32..4, -13i32..13), 0..4)),
        b in (0u64..12, prop::collection::vec((1u32..4, -13i32..13), 0..4)),
    ) {
        let make = |(offset, dims): &(u64, Vec<(u32, i32)>)| {
            let (dims, strides): (Vec<_>, Vec<_>) = dims.iter().copied().unzip();
            tensor(offset * 4 + 4000, &dims, &strides)
        };
        let (a, b) = (make(&a), make(&b));
        let places = |t: &Tensor| bytes(t, &addresses(t).unwrap());
        let (of_a, of_b) = (places(&a), places(&b));
        let unique: BTreeSet<_> = of_a.iter().collect();
        if a.is_injective() {
            prop_assert_eq!(unique.len(), of_a.len());
        }
        prop_assert_eq!(a.is_disjoint_from(&b), b.is_disjoint_from(&a));
        if a.is_disjoint_from(&b) {
            prop_assert!(of_b.iter().all(|byte| !unique.contains(byte)));
        }
        prop_assert_eq!(a.coincides_with(&b), a.dims == b.dims && of_a == of_b);
        let (start, end) = a.byte_range().unwrap();
        prop_assert_eq!(i128::from(start), *of_a.iter().min().unwrap());
        prop_assert_eq!(i128::from(end), *of_a.iter().max().unwrap() + 1);
    }
}

fn relu() -> unary::Params {
    unary::Params { function: Activation::RELU }
}

#[test]
fn working_in_place_means_element_for_element() {
    let run = |offset: u64, strides: &[i32]| {
        cause(|d| {
            let x = d.f32(&[3, 3]);
            d.f32(&[9]);
            let y = d.view(DType::F32, offset, &[3, 3], strides);
            d.step(&relu(), &[x], &[y]);
        })
    };
    assert_eq!(run(0, &[3, 1]), None);
    assert_eq!(run(0, &[1, 3]), Some(OpError::Alias));
    assert_eq!(run(4, &[3, 1]), Some(OpError::Alias));
    assert_eq!(run(64, &[3, 1]), None);
    assert_eq!(run(64, &[2, 1]), Some(OpError::Alias));
    assert_eq!(run(64, &[0, 1]), Some(OpError::Alias));
}

#[test]
fn a_broadcast_operand_is_not_the_output() {
    let run = |offset: u64| {
        cause(|d| {
            let x = d.f32(&[2, 3]);
            d.f32(&[3]);
            let row = d.view(DType::F32, offset, &[2, 3], &[0, 1]);
            let add = binary::Params { kind: binary::Kind::Add, activation: Activation::IDENTITY };
            d.step(&add, &[x, row], &[x]);
        })
    };
    assert_eq!(run(64), None);
    assert_eq!(run(0), Some(OpError::Alias));
    assert_eq!(run(12), Some(OpError::Alias));
}

#[test]
fn operators_without_an_in_place_form_want_room_of_their_own() {
    assert_eq!(
        cause(|d| {
            let x = d.f32(&[2, 3]);
            d.step(&copy::Params {}, &[x], &[x]);
        }),
        Some(OpError::Alias)
    );
    assert_eq!(
        cause(|d| {
            let x = d.f32(&[4]);
            let y = d.view(DType::I32, 0, &[4], &[1]);
            d.step(&cast::Params {}, &[x], &[y]);
        }),
        Some(OpError::Alias)
    );
}

/// A matrix product whose scratch is chosen among a, b, y and room of its own.
fn with_scratch(choose: fn([TensorId; 4]) -> TensorId) -> Option<OpError> {
    cause(|d| {
        let (a, b, y, own) = (d.f32(&[4, 64]), d.f32(&[64, 16]), d.f32(&[4, 16]), d.f32(&[1024]));
        let weights = d.weights(&[1024]);
        let of_b = d.view(DType::F32, 1024, &[1024], &[1]);
        let _ = (a, weights);
        d.step(
            &matmul::Params { alpha: 1.0, activation: Activation::IDENTITY },
            &[a, b, choose([own, of_b, weights, a])],
            &[y],
        );
    })
}

#[test]
fn scratch_is_written_and_so_stands_apart() {
    assert_eq!(with_scratch(|[own, ..]| own), None);
    assert_eq!(with_scratch(|[_, of_b, ..]| of_b), Some(OpError::Alias));
    assert_eq!(with_scratch(|[_, _, weights, _]| weights), Some(OpError::Storage));
    assert_eq!(with_scratch(|[_, _, _, a]| a), Some(OpError::Shape));
}

#[test]
fn outputs_stay_out_of_the_weights() {
    let found = cause(|d| {
        let (x, w) = (d.f32(&[3]), d.weights(&[3]));
        d.step(&relu(), &[x], &[w]);
    });
    assert_eq!(found, Some(OpError::Storage));
}

#[test]
fn outputs_of_a_step_stand_apart() {
    let run = |shift: u64| {
        cause(|d| {
            d.builder.fallback(&[1]);
            let (x, y) = (d.f32(&[4]), d.f32(&[4]));
            d.f32(&[4]);
            let z = d.view(DType::F32, 64 + shift, &[4], &[1]);
            d.step(&fallback::Params { offset: 0, length: 1 }, &[x], &[y, z]);
        })
    };
    assert_eq!(run(16), None);
    assert_eq!(run(12), Some(OpError::Alias));
}
