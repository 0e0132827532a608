//! Every error is reached.

use alloc::string::ToString;
use std::boxed::Box;
use std::vec::Vec;

use super::samples::{self, Aligned, Draft};
use crate::builder::NewTensor;
use crate::format::*;
use crate::ops::unary;
use crate::plan::{u32_at, u64_at};
use crate::{Activation, DType, OpCode, OpError, Plan, PlanError, Space};

/// The error after a change of the full sample.
fn after(change: impl FnOnce(&mut Aligned)) -> PlanError {
    let mut bytes = Aligned::new(&samples::full());
    change(&mut bytes);
    Plan::parse(&bytes).expect_err("the change is refused")
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Where the section's entry and its body are.
pub(super) fn section(bytes: &[u8], kind: SectionKind) -> (usize, usize) {
    let count = u32_at(bytes, 12) as usize;
    let entries = (0..count).map(|i| HEADER_BYTES + i * SECTION_ENTRY_BYTES);
    let entry = entries.into_iter().find(|&at| u32_at(bytes, at) == kind as u32).expect("the section is there");
    (entry, u64_at(bytes, entry + 8) as usize)
}

/// The error after a word of a section's body was set.
fn with_word(kind: SectionKind, at: usize, value: u32) -> PlanError {
    after(|bytes| {
        let body = section(bytes, kind).1;
        put(bytes, body + at, value);
    })
}

#[test]
fn unaligned_bytes() {
    let mut shifted = Vec::from([0u8; 8]);
    shifted.extend(samples::full());
    let shifted = Aligned::new(&shifted);
    assert_eq!(Plan::parse(&shifted[8..]), Err(PlanError::Unaligned));
}

impl PartialEq for Plan<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

#[test]
fn not_a_plan() {
    assert_eq!(after(|bytes| bytes[0] ^= 1), PlanError::NotAPlan);
    assert_eq!(Plan::parse(&[]), Err(PlanError::NotAPlan));
    assert_eq!(Plan::parse(&MAGIC[..7]), Err(PlanError::NotAPlan));
}

#[test]
fn other_versions() {
    assert_eq!(after(|b| b[8] = 2), PlanError::Version { major: 2, minor: MINOR });
    assert_eq!(after(|b| b[10] = MINOR as u8 + 1), PlanError::Version { major: 1, minor: MINOR + 1 });
}

#[test]
fn other_lengths() {
    let file = samples::full();
    let bytes = Aligned::new(&file[..file.len() - 1]);
    let expected = PlanError::Length { expected: file.len() as u64, found: file.len() as u64 - 1 };
    assert_eq!(Plan::parse(&bytes), Err(expected));
    let bytes = Aligned::new(&file[..HEADER_BYTES - 1]);
    assert_eq!(Plan::parse(&bytes), Err(PlanError::Length { expected: 128, found: 127 }));
}

#[test]
fn header_fields() {
    for at in [52, 63, 96, 127] {
        assert_eq!(after(|b| b[at] = 1), PlanError::Header, "reserved byte {at}");
    }
    assert_eq!(after(|b| put(b, 24, 65)), PlanError::Header);
    assert_eq!(after(|b| put(b, 32, 1)), PlanError::Header);
    assert_eq!(after(|b| put(b, 28, u32::MAX)), PlanError::Header);
    assert_eq!(after(|b| put(b, 36, 0x8000_0000)), PlanError::Header);
    assert_eq!(after(|b| put(b, 12, 65)), PlanError::Header);
    assert_eq!(after(|b| put(b, 12, u32::MAX)), PlanError::Header);
    assert_eq!(after(|b| put(b, 40, 1025)), PlanError::Header);
}

#[test]
fn section_table() {
    let kind = SectionKind::Steps as u32;
    let error = PlanError::Section(kind);
    let entry_word = |word: usize, value: u32| {
        after(|b| {
            let (entry, _) = section(b, SectionKind::Steps);
            put(b, entry + 4 * word, value);
        })
    };
    assert_eq!(entry_word(1, 1), error, "reserved");
    assert_eq!(entry_word(2, 1), error, "misaligned");
    assert_eq!(entry_word(2, 0), error, "before the table's end");
    assert_eq!(entry_word(3, 1), error, "outside");
    assert_eq!(entry_word(3, u32::MAX), error, "outside");
    assert_eq!(entry_word(4, 33), error, "odd size");
    assert_eq!(entry_word(4, 0), error, "empty");
    assert_eq!(entry_word(5, u32::MAX), error, "outside");
    assert_eq!(entry_word(0, SectionKind::Tensors as u32), PlanError::Section(1), "twice");
    assert_eq!(entry_word(0, 99), PlanError::Section(99), "unknown");
    let ports = PlanError::Section(SectionKind::Ports as u32);
    assert_eq!(after(|b| put(b, 40, 2)), ports, "count of ports");
    let overlapping = after(|b| {
        let (entry, _) = section(b, SectionKind::Steps);
        let (_, tensors) = section(b, SectionKind::Tensors);
        put(b, entry + 8, tensors as u32);
    });
    assert_eq!(overlapping, error);
}

#[test]
fn unknown_optional_sections_are_skipped() {
    let mut bytes = Aligned::new(&samples::full());
    let (entry, _) = section(&bytes, SectionKind::Metadata);
    put(&mut bytes, entry, 0x8000_0099);
    assert_eq!(Plan::parse(&bytes).unwrap().metadata(), "{}");
}

#[test]
fn texts_and_checksums() {
    for kind in [SectionKind::Strings, SectionKind::Metadata] {
        assert_eq!(with_word(kind, 0, u32::MAX), PlanError::Section(kind as u32), "not UTF-8");
    }
    let strings = after(|b| {
        let (entry, body) = section(b, SectionKind::Strings);
        let length = u32_at(b, entry + 16) as usize;
        b[body + length - 1] = b'x';
    });
    assert_eq!(strings, PlanError::Section(SectionKind::Strings as u32), "not terminated");
    let checksums = after(|b| {
        let (entry, _) = section(b, SectionKind::Checksums);
        put(b, entry + 16, 8);
    });
    assert_eq!(checksums, PlanError::Section(SectionKind::Checksums as u32));
}

#[test]
fn names() {
    // The place of the model's name, of a tensor's, a step's and a port's.
    assert_eq!(after(|b| put(b, 48, 1)), PlanError::Name(1), "the middle of a name");
    assert_eq!(after(|b| put(b, 48, 1 << 30)), PlanError::Name(1 << 30), "outside");
    assert_eq!(with_word(SectionKind::Tensors, 4, 2), PlanError::Name(2));
    assert_eq!(with_word(SectionKind::Steps, 16, 2), PlanError::Name(2));
    assert_eq!(with_word(SectionKind::Ports, 4, 2), PlanError::Name(2));
    let strings = after(|b| {
        let (entry, body) = section(b, SectionKind::Strings);
        let end = u32_at(b, entry + 16);
        put(b, 48, end);
        assert_eq!(b[body + end as usize - 1], 0);
    });
    assert!(matches!(strings, PlanError::Name(_)), "the end of the strings");
    let mut d = Draft::new("x");
    d.builder.tensor(&NewTensor {
        name: &"y".repeat(1023),
        dtype: DType::U8,
        space: Space::Arena,
        offset: 0,
        dims: &[0],
        strides: None,
    });
    let mut bytes = Aligned::new(&d.finish());
    assert_eq!(Plan::parse(&bytes).map(|_| ()), Ok(()));
    // Joins the two names into one that is too long.
    let (_, body) = section(&bytes, SectionKind::Strings);
    bytes[body + 1] = b'-';
    assert_eq!(Plan::parse(&bytes), Err(PlanError::Name(0)));
}

#[test]
fn tensors() {
    let second = TENSOR_BYTES;
    let word = |at, value| with_word(SectionKind::Tensors, second + at, value);
    let head = |dtype: u8, rank: u8, space: u8, reserved: u8| u32::from_le_bytes([dtype, rank, space, reserved]);
    for (at, value) in [
        (0, head(0, 2, 0, 0)),
        (0, head(14, 2, 0, 0)),
        (0, head(1, 9, 0, 0)),
        (0, head(1, 255, 0, 0)),
        (0, head(1, 1, 0, 0)),
        (0, head(1, 2, 3, 0)),
        (0, head(1, 2, 0, 1)),
        (8, 0),
        (12, 1),
        (16, 66),
        (16, 128),
        (20, 1),
        (20, u32::MAX),
        (24, 99),
        (24, 0x8000_0000),
        (24, 0x7fff_ffff),
        (32, 1),
        (52, 1),
        (56, 15),
        (56, -1000i32 as u32),
        (56, 0x8000_0000),
        (64, 1),
        (88, 1),
        (92, 1),
    ] {
        assert_eq!(word(at, value), PlanError::Tensor(1), "{value:#x} at {at}");
    }
}

#[test]
fn step_records() {
    let word = |at, value| with_word(SectionKind::Steps, STEP_BYTES + at, value);
    assert_eq!(word(0, 0x0102_0000), PlanError::UnknownOp { step: 1, code: 0 });
    assert_eq!(word(0, 0x0102_ffff), PlanError::UnknownOp { step: 1, code: 0xffff });
    for (at, value) in [(4, 0), (4, 4), (4, u32::MAX), (8, 2), (8, 1 << 20), (12, 5), (12, u32::MAX), (20, 1)] {
        assert_eq!(word(at, value), PlanError::StepRecord(1), "{value} at {at}");
    }
    assert_eq!(with_word(SectionKind::Operands, 0, 5), PlanError::StepRecord(0));
    assert_eq!(with_word(SectionKind::Operands, 0, u32::MAX - 1), PlanError::StepRecord(0));
}

#[test]
fn parameters() {
    let binary = |cause| PlanError::Step { step: 1, op: OpCode::Binary, cause };
    let word = |at, value| with_word(SectionKind::Steps, STEP_BYTES + at, value);
    assert_eq!(word(12, 12), binary(OpError::Params), "missing");
    assert_eq!(word(12, 20), binary(OpError::Params), "left over");
    let first = |value| with_word(SectionKind::Params, 0, value);
    assert_eq!(first(99), PlanError::Step { step: 0, op: OpCode::Binary, cause: OpError::Params });
}

#[test]
fn operands_left_out() {
    let expected = PlanError::Step { step: 0, op: OpCode::Binary, cause: OpError::Arity };
    assert_eq!(with_word(SectionKind::Operands, 0, NONE), expected);
    assert_eq!(with_word(SectionKind::Operands, 8, NONE), expected);
}

#[test]
fn ports() {
    for tensor in [3, 4, 5, NONE] {
        // In the weights, in the state, not there, none.
        assert_eq!(with_word(SectionKind::Ports, 0, tensor), PlanError::Port(0), "{tensor}");
    }
    let ports = |second: (u64, &[u32], Option<&[i32]>), input: bool| {
        let mut d = Draft::new("ports");
        let x = d.f32(&[2, 3]);
        d.f32(&[99]);
        let (offset, dims, strides) = second;
        let (dtype, space) = (DType::F32, Space::Arena);
        let y = d.builder.tensor(&NewTensor { name: "", dtype, space, offset, dims, strides });
        if input {
            d.builder.input("x", x);
            d.builder.input("y", y);
        } else {
            d.builder.output("x", x);
            d.builder.output("y", y);
        }
        let bytes = Aligned::new(&d.finish());
        Plan::parse(&bytes).map(|_| ()).err()
    };
    for input in [true, false] {
        assert_eq!(ports((24, &[2, 3], None), input), None);
        assert_eq!(ports((20, &[2, 3], None), input), Some(PlanError::Port(1)));
        assert_eq!(ports((24, &[2, 3], Some(&[4, 1])), input), Some(PlanError::Port(1)), "not dense");
    }
    assert_eq!(ports((0, &[3, 2], None), true), Some(PlanError::Port(1)));
    assert_eq!(ports((0, &[3, 2], None), false), None, "two outputs may be one tensor");
}

#[test]
fn golden_cases() {
    for (at, value) in [(0, 0), (0, 1), (0, 3), (0, u32::MAX), (8, 1), (60, 1)] {
        let error = with_word(SectionKind::Golden, at, value);
        assert!(matches!(error, PlanError::Golden(_)), "{value} at {at}: {error}");
    }
    for tolerance in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(with_word(SectionKind::Golden, 4, tolerance.to_bits()), PlanError::Golden(2));
    }
    // Any number of cases without a byte.
    let mut builder = crate::builder::PlanBuilder::new("empty");
    builder.golden(0.0, &[]);
    let bytes = Aligned::new(&builder.finish(|_| [0; 32]));
    assert_eq!(Plan::parse(&bytes), Err(PlanError::Golden(1)));
}

#[test]
fn errors_tell_their_place() {
    let error = PlanError::Step { step: 3, op: OpCode::Conv2d, cause: OpError::Shape };
    assert_eq!(error.to_string(), "step 3 (conv2d): shapes of operands and parameters do not fit");
    let _: Box<dyn core::error::Error> = Box::new(error);
    assert!(PlanError::Version { major: 2, minor: 0 }.to_string().contains("2.0"));
}

#[test]
fn an_operator_without_its_own_rule_broken_is_let_through() {
    let mut d = Draft::new("one");
    let x = d.f32(&[3]);
    d.step(&unary::Params { function: Activation::IDENTITY }, &[x], &[x]);
    assert!(Plan::parse(&Aligned::new(&d.finish())).is_ok());
}
