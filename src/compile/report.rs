//! What became of a model.

use serde::Serialize;

/// The compile report; its JSON form is what `compile --report` and `inspect --json` print.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Report {
    /// Every step of the plan.
    pub steps: Vec<StepEntry>,
    /// What runs through tract.
    pub fallback: Vec<FallbackEntry>,
    /// ONNX nodes that left nothing to run.
    pub folded: Vec<FoldedEntry>,
    /// ONNX nodes whose work another node's step does.
    pub fused: Vec<FusedEntry>,
    /// Bytes of arena.
    pub arena_bytes: u64,
    /// The largest set of tensors alive at once: no arena can be smaller.
    pub arena_lower_bound_bytes: u64,
    /// Bytes of the plan file.
    pub plan_bytes: u64,
    /// Name of the weights' packing.
    pub packing: String,
    /// Symbolic dimensions and the values they were given.
    pub dims: Vec<(String, usize)>,
}

/// A step of the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct StepEntry {
    /// Place in execution order.
    pub index: usize,
    /// Operator.
    pub op: String,
    /// Arithmetic: `f32`, `int8`, or an integer type's name.
    pub precision: String,
    /// ONNX nodes whose work it does.
    pub onnx_nodes: Vec<String>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of arena alive during the step.
    pub arena_bytes: u64,
    /// Kernel family, as far as it is known before binding.
    pub kernel: String,
}

/// An ONNX node that runs through tract.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct FallbackEntry {
    /// The node.
    pub onnx_node: String,
    /// Its operator, as tract calls it.
    pub op: String,
    /// Why it is not lowered.
    pub reason: String,
}

/// An ONNX node that left nothing to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct FoldedEntry {
    /// The node.
    pub onnx_node: String,
    /// What became of it: computed at compile time, a view, without effect.
    pub reason: String,
}

/// An ONNX node whose work another node's step does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct FusedEntry {
    /// The node.
    pub onnx_node: String,
    /// Index of the step.
    pub into_step: usize,
}
