//! Large plans made to waste time are judged in time linear in their size.

use std::string::String;
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::samples::{Aligned, Draft};
use crate::builder::NewTensor;
use crate::format::{MAGIC, SectionKind};
use crate::ops::{binary, fallback};
use crate::{Activation, DType, Plan, Space};

/// Far above what linear work takes, far below what quadratic work would; more where the processor may be emulated.
const PATIENCE: Duration = Duration::from_secs(if cfg!(target_arch = "x86_64") { 20 } else { 200 });

fn assert_quick(file: &[u8]) -> bool {
    let bytes = Aligned::new(file);
    let begin = Instant::now();
    let parsed = Plan::parse(&bytes);
    if let Ok(plan) = &parsed {
        assert!(plan.steps().map(|step| step.name.len()).sum::<usize>() > 0 || plan.step_count() == 0);
    }
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    parsed.is_ok()
}

#[test]
fn a_million_tensors_of_one_long_name() {
    let mut d = Draft::new("many");
    let name: String = core::iter::repeat_n('n', 1023).collect();
    for _ in 0..1_000_000 {
        let (dtype, space) = (DType::U8, Space::Arena);
        d.builder.tensor(&NewTensor { name: &name, dtype, space, offset: 0, dims: &[0], strides: None });
    }
    assert!(assert_quick(&d.finish()));
}

#[test]
fn steps_with_interleaved_operands() {
    let mut d = Draft::new("many");
    d.f32(&[64 * 64 * 64]);
    let view = |d: &mut Draft, offset| d.view(DType::F32, offset, &[8, 8, 8, 8], &[32768, 4096, 512, 8]);
    let (a, b, y) = (view(&mut d, 0), view(&mut d, 4), view(&mut d, 8));
    let add = binary::Params { kind: binary::Kind::Add, activation: Activation::IDENTITY };
    for _ in 0..200_000 {
        d.step(&add, &[a, b], &[y]);
    }
    assert!(assert_quick(&d.finish()));
}

#[test]
fn steps_with_as_many_operands_as_there_may_be() {
    let mut d = Draft::new("many");
    let offset = d.builder.fallback(b"model");
    let tensors: Vec<_> = (0..64).map(|_| d.f32(&[4])).collect();
    for _ in 0..20_000 {
        d.step(&fallback::Params { offset, length: 5 }, &tensors[..32], &tensors[32..]);
    }
    assert!(assert_quick(&d.finish()));
}

#[test]
fn as_many_ports_as_there_may_be() {
    let mut d = Draft::new("many");
    let tensors: Vec<_> = (0..1024).map(|_| d.f32(&[4])).collect();
    for &tensor in &tensors {
        d.builder.input("in", tensor);
        d.builder.output("out", tensor);
    }
    assert!(assert_quick(&d.finish()));
}

#[test]
fn a_long_string_without_an_end() {
    let mut d = Draft::new("");
    for _ in 0..100_000 {
        let (dtype, space) = (DType::U8, Space::Arena);
        d.builder.tensor(&NewTensor { name: "x", dtype, space, offset: 0, dims: &[], strides: None });
    }
    d.builder.metadata("m".repeat(10_000_000));
    let mut file = d.finish();
    // The metadata become the strings.
    let (strings, _) = super::refusals::section(&file, SectionKind::Strings);
    let (metadata, _) = super::refusals::section(&file, SectionKind::Metadata);
    file[strings..strings + 4].copy_from_slice(&0x8000_0002u32.to_le_bytes());
    file[metadata..metadata + 4].copy_from_slice(&(SectionKind::Strings as u32).to_le_bytes());
    assert!(!assert_quick(&file));
    assert_eq!(file[..8], MAGIC);
}
