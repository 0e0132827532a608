//! Tiny plans for the operators' tests: tensors wherever a test wants them, one step, every element of the arena
//! to look at.

use alloc::vec::Vec;
use std::vec;

use coulter_kernels::{IsaSet, Parallel, SingleThread};
use coulter_plan::builder::{NewTensor, PlanBuilder, TensorId};
use coulter_plan::format::ALIGN;
use coulter_plan::ops::Params;
use coulter_plan::{DType, Dims, Plan, Space, Tensor};

use crate::{AlignedBytes, RunError, Session, SessionOptions};

/// Bytes that no test fills: -4.3e8 as f32.
const UNTOUCHED: u8 = 0xcd;

/// A tensor of a draft.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    id: TensorId,
    pub(crate) tensor: Tensor,
}

/// A plan in the making and what its arena holds before it runs.
pub(crate) struct Draft {
    builder: PlanBuilder,
    arena: Vec<u8>,
}

/// The arena after a run.
#[derive(Debug)]
pub(crate) struct Results(Vec<u8>);

impl Draft {
    pub(crate) fn new() -> Self {
        Self { builder: PlanBuilder::new("draft"), arena: Vec::new() }
    }

    fn add(&mut self, dtype: DType, space: Space, offset: u64, dims: &[u32], strides: &[i32]) -> Operand {
        let new = NewTensor { name: "", dtype, space, offset, dims, strides: Some(strides) };
        let id = self.builder.tensor(&new);
        let (dims, strides) = (Dims::new(dims).unwrap(), Dims::new(strides).unwrap());
        Operand { id, tensor: Tensor { dtype, space, offset, dims, strides } }
    }

    /// A dense arena tensor behind all others, not filled.
    pub(crate) fn room(&mut self, dtype: DType, dims: &[u32]) -> Operand {
        let offset = self.arena.len();
        let bytes = dims.iter().product::<u32>() as usize * dtype.size();
        self.arena.resize((offset + bytes + 1).next_multiple_of(ALIGN), UNTOUCHED);
        self.add(dtype, Space::Arena, offset as u64, dims, &dense_strides(dims))
    }

    /// A dense f32 arena tensor that holds `values`.
    pub(crate) fn f32(&mut self, dims: &[u32], values: &[f32]) -> Operand {
        self.filled(DType::F32, dims, &bytes_of(values))
    }

    /// A dense arena tensor of these bytes.
    pub(crate) fn filled(&mut self, dtype: DType, dims: &[u32], bytes: &[u8]) -> Operand {
        let operand = self.room(dtype, dims);
        assert_eq!(operand.tensor.len(), Some(bytes.len() / dtype.size()), "values for every element");
        self.arena[operand.tensor.offset as usize..][..bytes.len()].copy_from_slice(bytes);
        operand
    }

    /// A dense f32 constant.
    pub(crate) fn weights(&mut self, dims: &[u32], values: &[f32]) -> Operand {
        self.constant(DType::F32, dims, &bytes_of(values))
    }

    /// A dense constant of these bytes.
    pub(crate) fn constant(&mut self, dtype: DType, dims: &[u32], bytes: &[u8]) -> Operand {
        assert_eq!(dims.iter().product::<u32>() as usize * dtype.size(), bytes.len(), "values for every element");
        let offset = self.builder.weights(bytes);
        self.add(dtype, Space::Weights, offset, dims, &dense_strides(dims))
    }

    /// A window onto `base`, from its element `first` on.
    pub(crate) fn view(&mut self, base: Operand, first: usize, dims: &[u32], strides: &[i32]) -> Operand {
        let Tensor { dtype, space, offset, .. } = base.tensor;
        self.add(dtype, space, offset + (first * dtype.size()) as u64, dims, strides)
    }

    /// Adds a step.
    pub(crate) fn step<P: Params>(&mut self, params: &P, inputs: &[Option<Operand>], outputs: &[Option<Operand>]) {
        let ids = |operands: &[Option<Operand>]| operands.iter().map(|o| o.map(|o| o.id)).collect::<Vec<_>>();
        self.builder.step("step", params, &ids(inputs), &ids(outputs), 0);
    }

    /// The plan's file, whose input and output are the whole arena.
    pub(crate) fn finish(mut self) -> (AlignedBytes, Vec<u8>) {
        let len = self.arena.len() as u32;
        let whole = self.add(DType::U8, Space::Arena, 0, &[len], &[1]);
        self.builder.input("arena", whole.id);
        self.builder.output("arena", whole.id);
        self.builder.memory(u64::from(len), 0);
        (AlignedBytes::copy_of(&self.builder.finish(|_| [0; 32])), self.arena)
    }

    /// Runs the plan.
    pub(crate) fn run(self, isas: IsaSet, parallel: &dyn Parallel) -> Results {
        self.try_run(isas, parallel).expect("a run")
    }

    /// Runs a plan whose run may fail, as steps of a table, and as steps that are bound when they run: both do the same.
    pub(crate) fn try_run(self, isas: IsaSet, parallel: &dyn Parallel) -> Result<Results, RunError> {
        let (file, arena) = self.finish();
        let plan = Plan::parse(&file).expect("a sound plan");
        let options = || SessionOptions { isas, parallel, ..SessionOptions::default() };
        let mut memory = AlignedBytes::zeroed(plan.arena_bytes());
        let mut anew = Session::bind(plan, &mut memory, options()).expect("a plan that binds");
        let mut session = Session::new(plan, options()).expect("a plan that binds");
        for session in [&mut session, &mut anew] {
            session.input_mut(0).copy_from_slice(&arena);
        }
        let outcome = session.run();
        assert_eq!(outcome, anew.run());
        outcome?;
        assert!(session.output(0) == anew.output(0), "a step does otherwise when it is bound anew");
        Ok(Results(session.output(0).to_vec()))
    }
}

/// Runs what `draft` makes with generic kernels and with the best ones; with each, more threads must give the same
/// bits as one. `check` sees the results, with the operands that `draft` names.
pub(crate) fn run_all<T>(draft: impl Fn() -> (Draft, T), mut check: impl FnMut(&Results, T)) {
    for isas in [IsaSet::GENERIC, IsaSet::detect()] {
        let (alone, operands) = draft();
        let alone = alone.run(isas, &SingleThread);
        let together = draft().0.run(isas, &Backwards(4));
        assert!(alone.0 == together.0, "results depend on threads");
        check(&alone, operands);
    }
}

/// Claims threads and runs the tasks last to first: what depends on their order or number shows.
pub(crate) struct Backwards(pub(crate) usize);

impl Parallel for Backwards {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).rev().for_each(task);
    }
}

impl Results {
    /// The elements of a dense f32 tensor.
    pub(crate) fn f32(&self, operand: Operand) -> Vec<f32> {
        assert_eq!(operand.tensor.dtype, DType::F32);
        self.bytes(operand).chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// The bytes of a dense arena tensor.
    pub(crate) fn bytes(&self, operand: Operand) -> &[u8] {
        assert!(operand.tensor.is_dense() && operand.tensor.space == Space::Arena);
        let bytes = operand.tensor.len().unwrap() * operand.tensor.dtype.size();
        &self.0[operand.tensor.offset as usize..][..bytes]
    }
}

/// Whether no test and no step wrote this element.
pub(crate) fn is_untouched(value: f32) -> bool {
    value.to_le_bytes() == [UNTOUCHED; 4]
}

fn dense_strides(dims: &[u32]) -> Vec<i32> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i] as i32;
    }
    strides
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
