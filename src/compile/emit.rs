//! Writes the plan: places become offsets, tensors get records.

use std::collections::HashMap;
use std::sync::Arc;

use coulter_plan::builder::{NewTensor, PlanBuilder, TensorId as RecordId};
use coulter_plan::format::HASH_RANGE;
use coulter_plan::{DType, Space, ops};
use sha2::{Digest, Sha256};

use crate::graph::{Graph, Op};
use crate::lower::{Base, Operand, Program, Step, StepParams, Window};
use crate::memory::Layout;

/// Golden cases, each the bytes of every input, then of every output, and how far outputs may differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Golden {
    pub(crate) cases: Vec<Vec<Vec<u8>>>,
    pub(crate) tolerance: f32,
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
    /// The plan file, yet to be [sealed](seal). `metadata` is given, for each tensor record that is a transposed tensor
    /// of the model, its index and the permutation.
    pub(crate) fn write(&self, golden: &Golden, metadata: impl FnOnce(&[(u32, Vec<usize>)]) -> String) -> Vec<u8> {
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
        let metadata = metadata(&records.permuted);
        records.builder.metadata(metadata);
        records.builder.finish(|_| [0; 32])
    }
}

/// What tells tensor records apart: base, offset, type, dims, strides and name.
type Key = (Space, u64, DType, Vec<u32>, Vec<i32>, String);

struct Records<'a> {
    emission: &'a Emission<'a>,
    builder: PlanBuilder,
    known: HashMap<Key, RecordId>,
    permuted: Vec<(u32, Vec<usize>)>,
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
            permuted: Vec::new(),
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
        if let Some((_, permutation)) = origin.filter(|(_, permutation)| !is_identity(permutation)) {
            self.permuted.push((id.0, permutation.clone()));
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

fn is_identity(permutation: &[usize]) -> bool {
    permutation.iter().enumerate().all(|(i, &p)| i == p)
}

/// For each tensor the model's tensor that it is: its own origin, or that of what it is a transposition of.
pub(crate) fn origins(graph: &Graph) -> Vec<Option<Origin>> {
    let mut origins: Vec<Option<Origin>> = graph.tensors.iter().map(|tensor| tensor.origin.clone()).collect();
    let transposition = |node: &crate::graph::Node| match &node.op {
        Op::Transpose(permutation) => {
            Some((node.inputs.first().copied()??, node.outputs.first().copied()??, permutation.clone()))
        }
        _ => None,
    };
    let found: Vec<_> = graph.nodes.iter().filter_map(transposition).collect();
    for (input, output, permutation) in &found {
        let of_input = origins[input.0].clone().filter(|(_, p)| p.len() == permutation.len());
        if let (None, Some((name, p))) = (&origins[output.0], of_input) {
            origins[output.0] = Some((name, permutation.iter().map(|&i| p[i]).collect()));
        }
    }
    for (input, output, permutation) in found.iter().rev() {
        let of_output = origins[output.0].clone().filter(|(_, p)| p.len() == permutation.len());
        if let (None, Some((name, p))) = (&origins[input.0], of_output) {
            let mut own = vec![0; p.len()];
            permutation.iter().zip(&p).for_each(|(&i, &p)| own[i] = p);
            origins[input.0] = Some((name, own));
        }
    }
    origins
}
