//! What lowering gives: steps over buffers that have no place yet.

use std::collections::HashMap;
use std::sync::Arc;

use coulter_plan::OpCode;
use coulter_plan::builder::{PlanBuilder, TensorId as RecordId};
use coulter_plan::ops;
use coulter_plan::overlap::Sliding;
use coulter_plan::words::Field;

use super::window::{Base, BufferId, ConstantId, Window};
use crate::graph::{Fallback, TensorId};

/// A tensor that a step reads or writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub(crate) window: Window,
    /// The graph's tensor that it is, where it is one.
    pub(crate) tensor: Option<TensorId>,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// ONNX nodes whose work it does.
    pub(crate) onnx_nodes: Vec<String>,
    pub(crate) params: StepParams,
    pub(crate) inputs: Vec<Option<Operand>>,
    pub(crate) outputs: Vec<Option<Operand>>,
    /// Multiply-accumulates.
    pub(crate) macs: u64,
    /// What a fallback step runs; its parameters follow when the plan is written.
    pub(crate) fallback: Option<Fallback>,
}

impl Step {
    /// Every operand, inputs first.
    pub(crate) fn operands(&self) -> impl Iterator<Item = &Operand> {
        self.inputs.iter().chain(&self.outputs).flatten()
    }

    fn operands_mut(&mut self) -> impl Iterator<Item = &mut Operand> {
        self.inputs.iter_mut().chain(&mut self.outputs).flatten()
    }
}

/// A graph input or output.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) operand: Operand,
}

/// Steps over buffers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// Bytes of each buffer.
    pub(crate) buffers: Vec<u64>,
    pub(crate) constants: Vec<Arc<[u8]>>,
    pub(crate) steps: Vec<Step>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    /// ONNX nodes that left no step, and why.
    pub(crate) folded: Vec<(String, String)>,
    known_constants: HashMap<Arc<[u8]>, ConstantId>,
}

impl Program {
    /// A buffer of so many bytes.
    pub(crate) fn buffer(&mut self, bytes: u64) -> BufferId {
        self.buffers.push(bytes);
        BufferId(self.buffers.len() - 1)
    }

    /// A constant; equal bytes are stored once.
    pub(crate) fn constant(&mut self, bytes: &Arc<[u8]>) -> ConstantId {
        if let Some(&known) = self.known_constants.get(bytes) {
            return known;
        }
        let id = ConstantId(self.constants.len());
        self.constants.push(bytes.clone());
        self.known_constants.insert(bytes.clone(), id);
        id
    }

    /// Lets every window onto `from` look onto `to` instead.
    pub(crate) fn redirect(&mut self, from: BufferId, to: BufferId) {
        let steps = self.steps.iter_mut().flat_map(Step::operands_mut);
        let ports = self.inputs.iter_mut().chain(&mut self.outputs).map(|port| &mut port.operand);
        for operand in steps.chain(ports).filter(|operand| operand.window.base == Base::Buffer(from)) {
            operand.window.base = Base::Buffer(to);
        }
    }
}

macro_rules! declare {
    ($(($number:literal, $module:ident, $variant:ident),)*) => {
        /// Parameters of a step.
        #[derive(Clone, Debug)]
        pub(crate) enum StepParams { $($variant(ops::$module::Params),)* }

        $(impl From<ops::$module::Params> for StepParams {
            fn from(params: ops::$module::Params) -> Self {
                StepParams::$variant(params)
            }
        })*

        impl StepParams {
            /// The operator that they belong to.
            pub(crate) fn code(&self) -> OpCode {
                match self { $(StepParams::$variant(_) => OpCode::$variant,)* }
            }

            /// How it slides over the rows of its first input, if it does.
            pub(crate) fn sliding(&self) -> Option<Sliding> {
                let mut words = Vec::new();
                let mut write = |word: u32| words.extend(word.to_le_bytes());
                match self { $(StepParams::$variant(params) => params.write(&mut write),)* }
                Sliding::of(self.code(), &words)
            }

            /// Adds the step to a plan.
            pub(crate) fn emit(
                &self,
                builder: &mut PlanBuilder,
                name: &str,
                inputs: &[Option<RecordId>],
                outputs: &[Option<RecordId>],
                macs: u64,
            ) {
                match self { $(StepParams::$variant(params) => builder.step(name, params, inputs, outputs, macs),)* }
            }
        }
    };
}
coulter_plan::for_each_op!(declare);
