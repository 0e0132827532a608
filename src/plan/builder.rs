//! Writes plans. The writer lays out bytes; it does not judge them: [`crate::Plan::parse`] does.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::dtype::DType;
use crate::format::{
    ALIGN, HEADER_BYTES, MAGIC, MAJOR, MINOR, NONE, SECTION_ENTRY_BYTES, STEP_BYTES, SectionKind, TENSOR_BYTES,
};
use crate::ops::{OpCode, Params};
use crate::plan::{Plan, Step};
use crate::tensor::{MAX_RANK, Space};
use crate::validate::MAX_NAME;

/// Index of a tensor of the plan being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorId(pub u32);

/// A tensor to be added; see [`crate::Tensor`].
#[derive(Clone, Debug)]
pub struct NewTensor<'a> {
    /// Name, or empty.
    pub name: &'a str,
    /// Element type.
    pub dtype: DType,
    /// Where it lies.
    pub space: Space,
    /// Byte offset of its first element.
    pub offset: u64,
    /// Dimensions.
    pub dims: &'a [u32],
    /// Strides in elements; `None` for dense.
    pub strides: Option<&'a [i32]>,
}

/// Collects the parts of a plan.
#[derive(Clone, Debug, Default)]
pub struct PlanBuilder {
    arena_bytes: u64,
    state_bytes: u64,
    name: Option<u32>,
    tensors: Vec<u8>,
    steps: Vec<u8>,
    operands: Vec<u8>,
    params: Vec<u8>,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    strings: Vec<u8>,
    names: BTreeMap<String, u32>,
    weights: Vec<u8>,
    fallback: Vec<u8>,
    golden: Vec<u8>,
    checksums: Vec<u8>,
    metadata: Vec<u8>,
}

impl PlanBuilder {
    /// An empty plan of a model with this name.
    pub fn new(name: &str) -> Self {
        let mut builder = Self::default();
        builder.name = Some(builder.string(name));
        builder
    }

    /// The parts of a plan, to be changed: everything keeps its index. Sections that this crate does not know are left out.
    pub fn of(plan: &Plan<'_>) -> Self {
        let (inputs, outputs) =
            plan.section(SectionKind::Ports).split_at(plan.input_count() * crate::format::PORT_BYTES);
        let name = crate::plan::u32_at(plan.bytes, 48);
        let mut names = BTreeMap::new();
        let mut at = 0;
        // Ends with a zero, as was checked.
        for text in plan.section(SectionKind::Strings).split_inclusive(|&byte| byte == 0) {
            if let Ok(text) = core::str::from_utf8(&text[..text.len() - 1]) {
                names.entry(text.into()).or_insert(at);
            }
            at += text.len() as u32;
        }
        Self {
            arena_bytes: plan.arena_bytes() as u64,
            state_bytes: plan.state_bytes() as u64,
            name: (name != NONE).then_some(name),
            tensors: plan.section(SectionKind::Tensors).to_vec(),
            steps: plan.section(SectionKind::Steps).to_vec(),
            operands: plan.section(SectionKind::Operands).to_vec(),
            params: plan.section(SectionKind::Params).to_vec(),
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
            strings: plan.section(SectionKind::Strings).to_vec(),
            names,
            weights: plan.section(SectionKind::Weights).to_vec(),
            fallback: plan.section(SectionKind::Fallback).to_vec(),
            golden: plan.section(SectionKind::Golden).to_vec(),
            checksums: plan.section(SectionKind::Checksums).to_vec(),
            metadata: plan.section(SectionKind::Metadata).to_vec(),
        }
    }

    /// Forgets all constants, whose tensors have to be [set](Self::set_tensor) anew.
    pub fn clear_weights(&mut self) {
        self.weights.clear();
    }

    /// Forgets all steps; tensors and names stay.
    pub fn clear_steps(&mut self) {
        self.steps.clear();
        self.operands.clear();
        self.params.clear();
    }

    /// Sets the sizes of the arena and of the state, in bytes, rounded up to [`ALIGN`].
    pub fn memory(&mut self, arena_bytes: u64, state_bytes: u64) {
        let round = |bytes: u64| bytes.next_multiple_of(ALIGN as u64);
        (self.arena_bytes, self.state_bytes) = (round(arena_bytes), round(state_bytes));
    }

    /// Adds a constant and gives its offset in the weights.
    pub fn weights(&mut self, bytes: &[u8]) -> u64 {
        let at = self.weights.len().next_multiple_of(ALIGN);
        self.weights.resize(at, 0);
        self.weights.extend_from_slice(bytes);
        at as u64
    }

    /// Adds a sub-model of a fallback step and gives its offset.
    pub fn fallback(&mut self, bytes: &[u8]) -> u32 {
        let at = self.fallback.len().next_multiple_of(ALIGN);
        self.fallback.resize(at, 0);
        self.fallback.extend_from_slice(bytes);
        at as u32
    }

    /// Adds a tensor.
    ///
    /// # Panics
    /// If there are more than [`MAX_RANK`] dimensions.
    pub fn tensor(&mut self, tensor: &NewTensor<'_>) -> TensorId {
        let id = TensorId((self.tensors.len() / TENSOR_BYTES) as u32);
        let record = self.record(tensor);
        self.tensors.extend(record);
        id
    }

    /// Puts another tensor in the place of one.
    ///
    /// # Panics
    /// As [`PlanBuilder::tensor`], or if there is none with this index.
    pub fn set_tensor(&mut self, id: TensorId, tensor: &NewTensor<'_>) {
        let record = self.record(tensor);
        self.tensors[id.0 as usize * TENSOR_BYTES..][..TENSOR_BYTES].copy_from_slice(&record);
    }

    fn record(&mut self, tensor: &NewTensor<'_>) -> Vec<u8> {
        let rank = tensor.dims.len();
        let mut dims = [0u32; MAX_RANK];
        let mut strides = [0i32; MAX_RANK];
        dims[..rank].copy_from_slice(tensor.dims);
        match tensor.strides {
            Some(given) => strides[..rank].copy_from_slice(given),
            None => {
                let mut stride = 1;
                for i in (0..rank).rev() {
                    strides[i] = stride;
                    stride = stride.wrapping_mul(dims[i] as i32);
                }
            }
        }
        let name = self.string(tensor.name);
        let mut out = Vec::with_capacity(TENSOR_BYTES);
        out.extend([tensor.dtype as u8, rank as u8, tensor.space as u8, 0]);
        out.extend(name.to_le_bytes());
        out.extend(NONE.to_le_bytes());
        out.extend(0u32.to_le_bytes());
        out.extend(tensor.offset.to_le_bytes());
        dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
        strides.iter().for_each(|s| out.extend(s.to_le_bytes()));
        out.extend([0; 8]);
        out
    }

    /// Adds a step.
    pub fn step<P: Params>(
        &mut self,
        name: &str,
        params: &P,
        inputs: &[Option<TensorId>],
        outputs: &[Option<TensorId>],
        macs: u64,
    ) {
        let mut words = Vec::new();
        params.write(&mut |word| words.extend(word.to_le_bytes()));
        self.step_of(P::CODE, name, &words, [inputs, outputs], macs);
    }

    /// Adds a step of another plan as it is; its tensors are those with the same indices.
    pub fn copy_step(&mut self, step: &Step<'_>) {
        let (inputs, outputs) = (step.operands.input_count(), step.operands.output_count());
        let id = |index: Option<usize>| index.map(|index| TensorId(index as u32));
        let inputs: Vec<_> = (0..inputs).map(|i| id(step.operands.input_index(i))).collect();
        let outputs: Vec<_> = (0..outputs).map(|i| id(step.operands.output_index(i))).collect();
        self.step_of(step.code, step.name, step.params, [&inputs, &outputs], step.macs);
    }

    fn step_of(&mut self, code: OpCode, name: &str, params: &[u8], ends: [&[Option<TensorId>]; 2], macs: u64) {
        let name = self.string(name);
        let operands = (self.operands.len() / 4) as u32;
        for id in ends.iter().copied().flatten() {
            self.operands.extend(id.map_or(NONE, |id| id.0).to_le_bytes());
        }
        let (at, length) = (self.params.len() as u32, params.len() as u32);
        self.params.extend_from_slice(params);
        let [inputs, outputs] = ends;
        let out = &mut self.steps;
        out.extend((code as u16).to_le_bytes());
        out.extend([inputs.len() as u8, outputs.len() as u8]);
        for word in [operands, at, length, name, 0] {
            out.extend(word.to_le_bytes());
        }
        out.extend(macs.to_le_bytes());
        debug_assert_eq!(out.len() % STEP_BYTES, 0);
    }

    /// Adds a graph input.
    pub fn input(&mut self, name: &str, tensor: TensorId) {
        let name = self.string(name);
        self.inputs.extend([tensor.0, name].iter().flat_map(|w| w.to_le_bytes()));
    }

    /// Adds a graph output.
    pub fn output(&mut self, name: &str, tensor: TensorId) {
        let name = self.string(name);
        self.outputs.extend([tensor.0, name].iter().flat_map(|w| w.to_le_bytes()));
    }

    /// Adds a golden case: the bytes of every input, then of every output. `tolerance` holds for all cases.
    pub fn golden(&mut self, tolerance: f32, parts: &[&[u8]]) {
        if self.golden.is_empty() {
            self.golden.resize(ALIGN, 0);
        }
        let count = u32::from_le_bytes([self.golden[0], self.golden[1], self.golden[2], self.golden[3]]) + 1;
        self.golden[..4].copy_from_slice(&count.to_le_bytes());
        self.golden[4..8].copy_from_slice(&tolerance.to_le_bytes());
        for part in parts {
            self.golden.extend_from_slice(part);
            self.golden.resize(self.golden.len().next_multiple_of(ALIGN), 0);
        }
    }

    /// Sets the checksum of every step's outputs in the first golden case.
    pub fn checksums(&mut self, checksums: &[u32]) {
        self.checksums = checksums.iter().flat_map(|c| c.to_le_bytes()).collect();
    }

    /// Sets the JSON metadata.
    pub fn metadata(&mut self, json: String) {
        self.metadata = json.into_bytes();
    }

    /// Lays the parts out. `hash` is given the file, with zeros in place of the hash, and returns its SHA-256.
    pub fn finish(self, hash: impl FnOnce(&[u8]) -> [u8; 32]) -> Vec<u8> {
        let counts = [self.inputs.len(), self.outputs.len()].map(|n| (n / crate::format::PORT_BYTES) as u32);
        let ports = [self.inputs, self.outputs].concat();
        let sections = [
            (SectionKind::Tensors, self.tensors),
            (SectionKind::Steps, self.steps),
            (SectionKind::Operands, self.operands),
            (SectionKind::Params, self.params),
            (SectionKind::Ports, ports),
            (SectionKind::Strings, self.strings),
            (SectionKind::Metadata, self.metadata),
            (SectionKind::Checksums, self.checksums),
            (SectionKind::Weights, self.weights),
            (SectionKind::Fallback, self.fallback),
            (SectionKind::Golden, self.golden),
        ];
        let present = || sections.iter().filter(|(_, body)| !body.is_empty());
        let count = present().count();
        let mut file = Vec::new();
        file.extend(MAGIC);
        file.extend(MAJOR.to_le_bytes());
        file.extend(MINOR.to_le_bytes());
        file.extend((count as u32).to_le_bytes());
        file.extend(0u64.to_le_bytes());
        file.extend(self.arena_bytes.to_le_bytes());
        file.extend(self.state_bytes.to_le_bytes());
        for word in [counts[0], counts[1], self.name.unwrap_or(NONE)] {
            file.extend(word.to_le_bytes());
        }
        file.resize(HEADER_BYTES, 0);
        let mut at = (HEADER_BYTES + count * SECTION_ENTRY_BYTES).next_multiple_of(ALIGN);
        for (kind, body) in present() {
            file.extend((*kind as u32).to_le_bytes());
            file.extend(0u32.to_le_bytes());
            file.extend((at as u64).to_le_bytes());
            file.extend((body.len() as u64).to_le_bytes());
            at = (at + body.len()).next_multiple_of(ALIGN);
        }
        for (_, body) in present() {
            file.resize(file.len().next_multiple_of(ALIGN), 0);
            file.extend_from_slice(body);
        }
        let length = file.len() as u64;
        file[16..24].copy_from_slice(&length.to_le_bytes());
        let hash = hash(&file);
        file[crate::format::HASH_RANGE].copy_from_slice(&hash);
        file
    }

    /// Stores a name once and gives its place. Zeros become spaces; what is too long is cut.
    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return NONE;
        }
        let mut text = text.replace('\0', " ");
        text.truncate(text.floor_char_boundary(MAX_NAME));
        if let Some(&at) = self.names.get(&text) {
            return at;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(text.bytes());
        self.strings.push(0);
        self.names.insert(text, at);
        at
    }
}
