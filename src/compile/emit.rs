//! Writes the plan: places become offsets, tensors get records.

use std::collections::HashMap;
use std::sync::Arc;

use coulter_plan::builder::{NewTensor, PlanBuilder, TensorId as RecordId};
use coulter_plan::format::HASH_RANGE;
use coulter_plan::{DType, Space, ops};
use sha2::{Digest, Sha256};

use crate::graph::{Graph, Node, Op, Quantization, Tensor, TensorId};
use crate::lower::{Base, Operand, Program, Step, StepParams, Window};
use crate::memory::Layout;

/// Golden cases, each the bytes of every input, then of every output, and how far outputs may differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Golden {
    pub(crate) cases: Vec<Vec<Vec<u8>>>,
    pub(crate) tolerance: f32,
    /// One a step, or none.
    pub(crate) checksums: Vec<u32>,
}

/// The parts of a plan.
pub(crate) struct Emission<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) program: &'a Program,
    pub(crate) layout: &'a Layout,
    /// For each tensor of the graph, the model's tensor that it is, and by which permutation.
    pub(crate) origins: &'a [Option<Origin>],
}

/// See [`crate::graph::Tensor::origin`].
pub(crate) type Origin = (String, Vec<usize>);

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Writes the file's hash into it.
pub(crate) fn seal(plan: &mut [u8]) {
    let hash = sha256(plan);
    plan[HASH_RANGE].copy_from_slice(&hash);
}

impl Emission<'_> {
    /// The plan file, yet to be [sealed](seal), with the metadata that are made of what is to be told of tensor records.
    pub(crate) fn write(&self, golden: &Golden, metadata: impl FnOnce(&Notes) -> String) -> Vec<u8> {
        let mut records = Records { emission: self, builder: PlanBuilder::new(&self.graph.name), ..Records::new(self) };
        records.builder.memory(self.layout.arena_bytes, 0);
        let ports = [&self.program.inputs, &self.program.outputs].map(|ports| {
            ports.iter().map(|port| (port.name.clone(), records.of(&port.operand, &port.name))).collect::<Vec<_>>()
        });
        let [inputs, outputs] = ports;
        inputs.iter().for_each(|(name, id)| records.builder.input(name, *id));
        outputs.iter().for_each(|(name, id)| records.builder.output(name, *id));
        self.program.steps.iter().for_each(|step| records.step(step));
        for case in &golden.cases {
            let parts: Vec<&[u8]> = case.iter().map(Vec::as_slice).collect();
            records.builder.golden(golden.tolerance, &parts);
        }
        records.builder.checksums(&golden.checksums);
        let metadata = metadata(&records.notes);
        records.builder.metadata(metadata);
        records.builder.finish(|_| [0; 32])
    }
}

/// What the metadata tell of tensor records, by their indices.
#[derive(Default)]
pub(crate) struct Notes {
    /// Those that are transposed tensors of the model, with the permutation.
    pub(crate) permuted: Vec<(u32, Vec<usize>)>,
    /// Those that are quantized, with scale and zero point.
    pub(crate) quantized: Vec<(u32, f32, i32)>,
}

/// What tells tensor records apart: base, offset, type, dims, strides and name.
type Key = (Space, u64, DType, Vec<u32>, Vec<i32>, String);

struct Records<'a> {
    emission: &'a Emission<'a>,
    builder: PlanBuilder,
    known: HashMap<Key, RecordId>,
    notes: Notes,
    /// Where each constant lies in the weights section.
    constants: Vec<Option<u64>>,
    models: HashMap<Arc<[u8]>, u32>,
}

impl<'a> Records<'a> {
    fn new(emission: &'a Emission<'a>) -> Self {
        Self {
            emission,
            builder: PlanBuilder::default(),
            known: HashMap::new(),
            notes: Notes::default(),
            constants: vec![None; emission.program.constants.len()],
            models: HashMap::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        let mut ids = |operands: &[Option<Operand>]| -> Vec<Option<RecordId>> {
            operands.iter().map(|operand| operand.as_ref().map(|operand| self.of(operand, ""))).collect()
        };
        let (inputs, outputs) = (ids(&step.inputs), ids(&step.outputs));
        let params = match &step.fallback {
            Some(fallback) => StepParams::Fallback(self.sub_model(&fallback.model)),
            None => step.params.clone(),
        };
        params.emit(&mut self.builder, &step.name, &inputs, &outputs, step.macs);
    }

    fn sub_model(&mut self, model: &Arc<[u8]>) -> ops::fallback::Params {
        let known = self.models.get(model).copied();
        let offset = known.unwrap_or_else(|| self.builder.fallback(model));
        self.models.insert(model.clone(), offset);
        ops::fallback::Params { offset, length: model.len() as u32 }
    }

    /// The record of an operand, named as the model's tensor that it is, else `otherwise`.
    fn of(&mut self, operand: &Operand, otherwise: &str) -> RecordId {
        let origin = operand.tensor.and_then(|id| self.emission.origins[id.0].as_ref());
        let name = origin.map_or(otherwise, |(name, _)| name);
        let offset = self.offset(&operand.window);
        let tensor = &operand.window.tensor;
        let key = (tensor.space, offset, tensor.dtype, tensor.dims.to_vec(), tensor.strides.to_vec(), name.to_owned());
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let (dims, strides) = (&tensor.dims[..], Some(&tensor.strides[..]));
        let id =
            self.builder.tensor(&NewTensor { name, dtype: tensor.dtype, space: tensor.space, offset, dims, strides });
        if let Some((_, permutation)) = origin.filter(|(_, permutation)| !permutation.is_sorted()) {
            self.notes.permuted.push((id.0, permutation.clone()));
        }
        let quantization = operand.tensor.and_then(|id| self.emission.graph.tensor(id).quantization.as_ref());
        if let Some(Quantization { scales, zero_points, axis: None }) = quantization
            && let (&[scale], &[zero_point]) = (&scales[..], &zero_points[..])
        {
            self.notes.quantized.push((id.0, scale, zero_point));
        }
        self.known.insert(key, id);
        id
    }

    fn offset(&mut self, window: &Window) -> u64 {
        let base = match window.base {
            Base::Buffer(id) => self.emission.layout.offsets[id.0],
            Base::Constant(id) => {
                let known = self.constants[id.0];
                let at = known.unwrap_or_else(|| self.builder.weights(&self.emission.program.constants[id.0]));
                self.constants[id.0] = Some(at);
                at
            }
        };
        base + window.tensor.offset
    }
}

/// For each dimension of a tensor the dimension of the model's tensor that it is; `None` for one of length 1 that
/// was added.
type Sources = Vec<Option<usize>>;

/// For each tensor the model's tensor that it is: its own origin, or that of what it is a transposition or, up to
/// dimensions of 1, a reshape of. Dimensions of 1 may be missing from the permutation.
pub(crate) fn origins(graph: &Graph) -> Vec<Option<Origin>> {
    let own = |tensor: &Tensor| {
        let (name, permutation) = tensor.origin.clone()?;
        Some((name, permutation.into_iter().map(Some).collect()))
    };
    let mut found: Vec<Option<(String, Sources)>> = graph.tensors.iter().map(own).collect();
    for backwards in [false, true] {
        let mut learn = |node: &Node| {
            let ends = [node.inputs.first(), node.outputs.first()].map(|id| id.copied().flatten());
            let [Some(input), Some(output)] = ends else { return };
            let (from, to) = if backwards { (output, input) } else { (input, output) };
            if let (Some((name, sources)), None) = (&found[from.0], &found[to.0]) {
                let sources = moved(graph, node, sources, backwards);
                found[to.0] = sources.map(|sources| (name.clone(), sources));
            }
        };
        match backwards {
            false => graph.nodes.iter().for_each(&mut learn),
            true => graph.nodes.iter().rev().for_each(&mut learn),
        }
    }
    let origin = |(name, sources): (String, Sources)| (name, sources.into_iter().flatten().collect());
    found.into_iter().map(|found| found.map(origin)).collect()
}

/// The sources of a view's output, given its input's, or the other way round.
fn moved(graph: &Graph, node: &Node, sources: &Sources, backwards: bool) -> Option<Sources> {
    let shape = |ids: &[Option<TensorId>]| Some(graph.tensor(ids.first().copied()??).shape.clone());
    let (mut from, mut to) = (shape(&node.inputs)?, shape(&node.outputs)?);
    if backwards {
        std::mem::swap(&mut from, &mut to);
    }
    match &node.op {
        _ if sources.len() != from.len() => None,
        Op::Transpose(permutation) if backwards => {
            let mut moved = vec![None; sources.len()];
            permutation.iter().zip(sources).for_each(|(&i, &source)| moved[i] = source);
            Some(moved)
        }
        Op::Transpose(permutation) => Some(permutation.iter().map(|&i| sources[i]).collect()),
        Op::Reshape => {
            let mut long = from.iter().zip(sources).filter(|(dim, _)| **dim != 1);
            let of = |&dim: &usize| match dim {
                1 => Some(None),
                _ => long.next().filter(|(from, _)| **from == dim).map(|(_, &source)| source),
            };
            let moved: Option<Sources> = to.iter().map(of).collect();
            moved.filter(|_| long.next().is_none())
        }
        _ => None,
    }
}
