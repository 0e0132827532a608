//! The validated view of a plan.

use crate::dtype::DType;
use crate::error::PlanError;
use crate::format::{
    ALIGN, HEADER_BYTES, NONE, PORT_BYTES, SECTION_ENTRY_BYTES, STEP_BYTES, SectionKind, TENSOR_BYTES,
};
use crate::ops::{OpCode, Rule};
use crate::tensor::{Dims, MAX_RANK, Space, Tensor};
use crate::validate;

/// A plan whose every part has been checked.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) places: Places,
}

impl core::fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.name())
            .field("bytes", &self.bytes.len())
            .field("steps", &self.step_count())
            .finish_non_exhaustive()
    }
}

/// For each kind of section the number of its entry in the section table, counted from 1; 0 where the plan has none.
pub(crate) type Places = [u8; SectionKind::ALL.len()];

impl<'a> Plan<'a> {
    /// Checks `bytes` and gives the view.
    ///
    /// # Errors
    /// The first thing found wrong, with its place.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PlanError> {
        Self::parse_with(bytes, &|op| Some(op.rule()))
    }

    /// The same with the rules of some operators: a plan with another one is refused as if its number were not known.
    /// What no rule names is not linked.
    ///
    /// # Errors
    /// See [`Plan::parse`].
    pub fn parse_with(bytes: &'a [u8], rules: &dyn Fn(OpCode) -> Option<Rule>) -> Result<Self, PlanError> {
        validate::parse(bytes, rules)
    }

    /// The file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The body of a section; empty where the plan has none.
    pub(crate) fn section(&self, kind: SectionKind) -> &'a [u8] {
        let number = SectionKind::ALL.iter().position(|&k| k == kind).and_then(|slot| self.places.get(slot));
        let Some(entry) = number.and_then(|&number| usize::from(number).checked_sub(1)) else { return &[] };
        let at = HEADER_BYTES + entry * SECTION_ENTRY_BYTES;
        let (begin, len) = (u64_at(self.bytes, at + 8) as usize, u64_at(self.bytes, at + 16) as usize);
        self.bytes.get(begin..).and_then(|tail| tail.get(..len)).unwrap_or(&[])
    }

    /// Bytes of arena that a session needs, aligned to [`ALIGN`].
    pub fn arena_bytes(&self) -> usize {
        u64_at(self.bytes, 24) as usize
    }

    /// Bytes of state that survive between runs.
    pub fn state_bytes(&self) -> usize {
        u64_at(self.bytes, 32) as usize
    }

    /// The model's name.
    pub fn name(&self) -> &'a str {
        self.string(u32_at(self.bytes, 48))
    }

    /// SHA-256 of the file with these 32 bytes zero, as its writer computed it; `verify` compares.
    pub fn stored_hash(&self) -> &'a [u8] {
        &self.bytes[crate::format::HASH_RANGE]
    }

    /// Number of tensors.
    pub fn tensor_count(&self) -> usize {
        self.section(SectionKind::Tensors).len() / TENSOR_BYTES
    }

    /// The tensor with this index.
    ///
    /// # Panics
    /// If `index` is not below [`Plan::tensor_count`].
    pub fn tensor(&self, index: usize) -> Tensor {
        tensor_at(self.section(SectionKind::Tensors), index).expect("records of a parsed plan decode")
    }

    /// The name of a tensor; empty when it has none.
    pub fn tensor_name(&self, index: usize) -> &'a str {
        self.string(u32_at(self.section(SectionKind::Tensors), index * TENSOR_BYTES + 4))
    }

    /// Number of steps.
    pub fn step_count(&self) -> usize {
        self.section(SectionKind::Steps).len() / STEP_BYTES
    }

    /// The step with this index.
    ///
    /// # Panics
    /// If `index` is not below [`Plan::step_count`].
    pub fn step(&self, index: usize) -> Step<'a> {
        let record = &self.section(SectionKind::Steps)[index * STEP_BYTES..][..STEP_BYTES];
        let code = OpCode::from_number(u16_at(record, 0)).expect("opcodes of a parsed plan are known");
        Step {
            index,
            code,
            name: self.string(u32_at(record, 16)),
            params: &self.section(SectionKind::Params)[u32_at(record, 8) as usize..][..u32_at(record, 12) as usize],
            macs: u64_at(record, 24),
            operands: operands_of(self, record),
        }
    }

    /// The steps in execution order.
    pub fn steps(self) -> impl ExactSizeIterator<Item = Step<'a>> {
        (0..self.step_count()).map(move |i| self.step(i))
    }

    /// Number of graph inputs.
    pub fn input_count(&self) -> usize {
        u32_at(self.bytes, 40) as usize
    }

    /// Number of graph outputs.
    pub fn output_count(&self) -> usize {
        u32_at(self.bytes, 44) as usize
    }

    /// The graph inputs.
    pub fn inputs(self) -> impl ExactSizeIterator<Item = Port<'a>> {
        (0..self.input_count()).map(move |i| self.port(i))
    }

    /// The graph outputs.
    pub fn outputs(self) -> impl ExactSizeIterator<Item = Port<'a>> {
        (0..self.output_count()).map(move |i| self.port(self.input_count() + i))
    }

    /// Graph input `i`, if there is one.
    pub fn input(&self, i: usize) -> Option<Port<'a>> {
        (i < self.input_count()).then(|| self.port(i))
    }

    /// Graph output `i`, if there is one.
    pub fn output(&self, i: usize) -> Option<Port<'a>> {
        (i < self.output_count()).then(|| self.port(self.input_count() + i))
    }

    fn port(&self, index: usize) -> Port<'a> {
        let record = &self.section(SectionKind::Ports)[index * PORT_BYTES..][..PORT_BYTES];
        let tensor_index = u32_at(record, 0) as usize;
        Port { name: self.string(u32_at(record, 4)), tensor_index, tensor: self.tensor(tensor_index) }
    }

    /// Constants.
    pub fn weights(&self) -> &'a [u8] {
        self.section(SectionKind::Weights)
    }

    /// Sub-models of fallback steps.
    pub fn fallback(&self) -> &'a [u8] {
        self.section(SectionKind::Fallback)
    }

    /// Per-step checksums of the first golden case, or none.
    pub fn checksum(&self, step: usize) -> Option<u32> {
        self.section(SectionKind::Checksums).get(step * 4..step * 4 + 4).map(|b| u32_at(b, 0))
    }

    /// JSON metadata; `"{}"` where there is none.
    pub fn metadata(&self) -> &'a str {
        match core::str::from_utf8(self.section(SectionKind::Metadata)) {
            Ok(text) if !text.is_empty() => text,
            _ => "{}",
        }
    }

    /// Number of golden cases.
    pub fn golden_count(&self) -> usize {
        if self.section(SectionKind::Golden).is_empty() {
            0
        } else {
            u32_at(self.section(SectionKind::Golden), 0) as usize
        }
    }

    /// Greatest difference from a golden output, relative to the greatest absolute value of that output,
    /// that still counts as equal; 0 means equal bits.
    pub fn golden_tolerance(&self) -> f32 {
        if self.section(SectionKind::Golden).is_empty() {
            0.0
        } else {
            f32::from_bits(u32_at(self.section(SectionKind::Golden), 4))
        }
    }

    /// The golden case with this index.
    ///
    /// # Panics
    /// If `index` is not below [`Plan::golden_count`].
    pub fn golden(self, index: usize) -> GoldenCase<'a> {
        assert!(index < self.golden_count(), "no golden case {index}");
        GoldenCase { plan: self, index }
    }

    pub(crate) fn string(&self, at: u32) -> &'a str {
        string_at(self.section(SectionKind::Strings), at).unwrap_or("")
    }
}

/// Inputs and expected outputs of a run.
#[derive(Clone, Copy, Debug)]
pub struct GoldenCase<'a> {
    plan: Plan<'a>,
    index: usize,
}

impl<'a> GoldenCase<'a> {
    /// Bytes of graph input `i`.
    pub fn input(&self, i: usize) -> &'a [u8] {
        self.part(i)
    }

    /// Bytes of graph output `i`.
    pub fn output(&self, i: usize) -> &'a [u8] {
        self.part(self.plan.input_count() + i)
    }

    fn part(&self, wanted: usize) -> &'a [u8] {
        let ports = self.plan.input_count() + self.plan.output_count();
        let padded = |k| port_bytes(&self.plan.port(k)).next_multiple_of(ALIGN);
        let case: usize = (0..ports).map(padded).sum();
        let before: usize = (0..wanted).map(padded).sum();
        &self.plan.section(SectionKind::Golden)[ALIGN + self.index * case + before..]
            [..port_bytes(&self.plan.port(wanted))]
    }
}

pub(crate) fn port_bytes(port: &Port<'_>) -> usize {
    port.tensor.len().unwrap_or(0) * port.tensor.dtype.size()
}

/// A graph input or output; its tensor is dense and lies in the arena.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Name in the model.
    pub name: &'a str,
    /// Index of its tensor.
    pub tensor_index: usize,
    /// Its tensor.
    pub tensor: Tensor,
}

/// One step of the plan.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Place in execution order.
    pub index: usize,
    /// Operator.
    pub code: OpCode,
    /// Name: that of the ONNX node it comes from, or of the first of several.
    pub name: &'a str,
    /// Parameter words; read them with [`crate::ops::read`].
    pub params: &'a [u8],
    /// Multiply-accumulates.
    pub macs: u64,
    /// Tensors read and written.
    pub operands: Operands<'a>,
}

/// The tensors that a step reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a> {
    tensors: &'a [u8],
    indices: &'a [u8],
    inputs: usize,
}

impl Operands<'_> {
    /// Number of inputs, those left out included.
    pub fn input_count(&self) -> usize {
        self.inputs
    }

    /// Number of outputs, those left out included.
    pub fn output_count(&self) -> usize {
        self.indices.len() / 4 - self.inputs
    }

    /// Index of input `i`, unless it is left out.
    pub fn input_index(&self, i: usize) -> Option<usize> {
        if i < self.inputs { self.index(i) } else { None }
    }

    /// Index of output `i`, unless it is left out.
    pub fn output_index(&self, i: usize) -> Option<usize> {
        self.index(self.inputs + i)
    }

    /// Input `i`, unless it is left out.
    pub fn input(&self, i: usize) -> Option<Tensor> {
        tensor_at(self.tensors, self.input_index(i)?)
    }

    /// Output `i`, unless it is left out.
    pub fn output(&self, i: usize) -> Option<Tensor> {
        tensor_at(self.tensors, self.output_index(i)?)
    }

    /// Operand `i`, the inputs coming first, unless it is left out.
    pub(crate) fn at(&self, i: usize) -> Option<Tensor> {
        tensor_at(self.tensors, self.index(i)?)
    }

    fn index(&self, i: usize) -> Option<usize> {
        let index = u32_at(self.indices.get(i * 4..i * 4 + 4)?, 0);
        (index != NONE).then_some(index as usize)
    }
}

/// Operands of a step record whose ranges were checked.
pub(crate) fn operands_of<'a>(plan: &Plan<'a>, record: &[u8]) -> Operands<'a> {
    let (inputs, outputs) = (usize::from(record[2]), usize::from(record[3]));
    Operands {
        tensors: plan.section(SectionKind::Tensors),
        indices: &plan.section(SectionKind::Operands)[u32_at(record, 4) as usize * 4..][..(inputs + outputs) * 4],
        inputs,
    }
}

/// Decodes a tensor record; `None` when out of range or holding unknown numbers.
pub(crate) fn tensor_at(tensors: &[u8], index: usize) -> Option<Tensor> {
    let record = tensors.get(index.checked_mul(TENSOR_BYTES)?..)?.get(..TENSOR_BYTES)?;
    let rank = usize::from(record[1]);
    let mut dims = [0; MAX_RANK];
    let mut strides = [0; MAX_RANK];
    for i in 0..MAX_RANK {
        dims[i] = u32_at(record, 24 + 4 * i);
        strides[i] = u32_at(record, 56 + 4 * i) as i32;
    }
    Some(Tensor {
        dtype: DType::from_number(record[0])?,
        space: Space::from_number(record[2])?,
        offset: u64_at(record, 16),
        dims: Dims::new(dims.get(..rank)?)?,
        strides: Dims::new(strides.get(..rank)?)?,
    })
}

/// The zero-terminated string at `at`; the empty one for [`NONE`].
pub(crate) fn string_at(strings: &[u8], at: u32) -> Option<&str> {
    if at == NONE {
        return Some("");
    }
    let tail = strings.get(at as usize..)?;
    let end = tail.iter().position(|&b| b == 0)?;
    core::str::from_utf8(&tail[..end]).ok()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

const _: () = assert!(HEADER_BYTES >= 128);
