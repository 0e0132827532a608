//! What became of a model.

use std::collections::{BTreeMap, HashSet};

use coulter_plan::OpCode;
use serde::Serialize;

use crate::lower::{Program, Step};
use crate::memory::Layout;
use crate::quantize::Quantization;

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
    /// The least that the tensors alive at one step take together, where that is most: no arena can be smaller.
    pub arena_lower_bound_bytes: u64,
    /// Bytes of the plan file.
    pub plan_bytes: u64,
    /// Name of the weights' packing.
    pub packing: String,
    /// Symbolic dimensions and the values they were given.
    pub dims: Vec<(String, usize)>,
    /// How the model was quantized, if that was done here.
    #[serde(default)]
    pub quantization: Option<Quantization>,
}

impl Report {
    /// Tells of each f32 product why it is not one of bytes, as ONNX has it.
    pub(crate) fn explain_products(&mut self, reasons: &BTreeMap<String, String>) {
        let is_product = |op: &str| ["conv2d", "depthwise_conv2d", "fully_connected", "matmul"].contains(&op);
        for step in self.steps.iter_mut().filter(|step| step.precision == "f32" && is_product(&step.op)) {
            if let Some(why) = step.onnx_nodes.iter().find_map(|node| reasons.get(node)) {
                step.why.clone_from(why);
            }
        }
    }

    /// Tells how the model was quantized, and of each step why it has its type.
    pub(crate) fn explain(
        &mut self,
        quantization: Quantization,
        reasons: &BTreeMap<String, String>,
        program: &Program,
    ) {
        self.quantization = Some(quantization);
        for (entry, step) in self.steps.iter_mut().zip(&program.steps) {
            let converts = match step.params.code() {
                OpCode::Quantize => "8-bit steps read it",
                OpCode::Dequantize => "f32 steps or the outputs read it",
                _ => "",
            };
            // A table stands where its result was quantized.
            let node = step.name.strip_suffix("/quantize").filter(|_| converts.is_empty()).unwrap_or(&step.name);
            entry.why = reasons.get(node).map_or(converts, String::as_str).to_owned();
        }
    }
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
    /// Bytes of arena in use during the step.
    pub arena_bytes: u64,
    /// Kernel family, as far as it is known before binding.
    pub kernel: String,
    /// Why it computes in the type that it does, in a model that was quantized here, or where ONNX has another; else empty.
    #[serde(default)]
    pub why: String,
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

/// Describes a lowered model; the plan's length is not known yet.
pub(crate) fn describe(program: &Program, layout: &Layout, dims: &[(String, usize)]) -> Report {
    let steps: Vec<StepEntry> =
        program.steps.iter().enumerate().map(|(index, step)| entry(index, step, layout.live[index])).collect();
    let in_steps: HashSet<&str> = steps.iter().flat_map(|step| &step.onnx_nodes).map(String::as_str).collect();
    let mut folded: Vec<FoldedEntry> = Vec::new();
    for (onnx_node, reason) in &program.folded {
        let known = in_steps.contains(onnx_node.as_str()) || folded.iter().any(|entry| entry.onnx_node == *onnx_node);
        if !known {
            folded.push(FoldedEntry { onnx_node: onnx_node.clone(), reason: reason.clone() });
        }
    }
    Report {
        fallback: program.steps.iter().flat_map(fallback_entries).collect(),
        fused: program.steps.iter().zip(&steps).flat_map(fused_entries).collect(),
        steps,
        folded,
        arena_bytes: layout.arena_bytes,
        arena_lower_bound_bytes: layout.lower_bound,
        plan_bytes: 0,
        packing: coulter_plan::format::PACKING.into(),
        dims: dims.to_vec(),
        quantization: None,
    }
}

fn entry(index: usize, step: &Step, arena_bytes: u64) -> StepEntry {
    StepEntry {
        index,
        op: step.params.code().name().into(),
        precision: precision(step).into(),
        onnx_nodes: step.onnx_nodes.clone(),
        macs: step.macs,
        arena_bytes,
        kernel: family(step.params.code()).into(),
        why: String::new(),
    }
}

/// Arithmetic of a step: that of its results, those of the numeric contract being one.
fn precision(step: &Step) -> &'static str {
    match step.params.code() {
        OpCode::QConv2d | OpCode::QDepthwiseConv2d | OpCode::QFullyConnected | OpCode::QBinary => "int8",
        OpCode::QPool2d | OpCode::QSoftmax | OpCode::Table | OpCode::Quantize => "int8",
        OpCode::QWinogradConv2d | OpCode::DynamicFullyConnected => "int8",
        _ => step.outputs.iter().flatten().next().map_or("", |output| output.window.tensor.dtype.name()),
    }
}

/// The kernels that run an operator.
fn family(code: OpCode) -> &'static str {
    match code {
        OpCode::Conv2d => "conv_f32",
        OpCode::WinogradConv2d => "winograd_f32",
        OpCode::DepthwiseConv2d => "depthwise_f32",
        OpCode::ConvTranspose2d => "conv_transpose_f32",
        OpCode::FullyConnected => "gemm_f32",
        OpCode::MatMul => "matmul_f32",
        OpCode::Attention => "attention_f32",
        OpCode::Pool2d => "pool_f32",
        OpCode::Unary => "activation_f32",
        OpCode::Softmax => "softmax_f32",
        OpCode::Normalize => "normalize_f32",
        OpCode::Resize => "resize_f32",
        OpCode::Recurrent => "recurrent_f32",
        OpCode::QConv2d => "conv_i8",
        OpCode::QWinogradConv2d => "winograd_i8",
        OpCode::QDepthwiseConv2d => "depthwise_i8",
        OpCode::QFullyConnected => "gemm_i8",
        OpCode::QBinary => "binary_i8",
        OpCode::QPool2d => "pool_i8",
        OpCode::QSoftmax => "softmax_i8",
        OpCode::DynamicFullyConnected => "dynamic_i8",
        OpCode::Fallback => "tract",
        // Families that take more types than one bear the operator's name.
        other => other.name(),
    }
}

fn fallback_entries(step: &Step) -> Vec<FallbackEntry> {
    let Some(fallback) = &step.fallback else { return Vec::new() };
    let op = fallback.ops.join(", ");
    let of = |name: &String| FallbackEntry { onnx_node: name.clone(), op: op.clone(), reason: fallback.reason.clone() };
    step.onnx_nodes.iter().map(of).collect()
}

/// The nodes besides the one that the step is named after, or besides the first.
fn fused_entries((step, entry): (&Step, &StepEntry)) -> Vec<FusedEntry> {
    let own = step.onnx_nodes.iter().position(|name| *name == step.name).unwrap_or(0);
    let others = step.onnx_nodes.iter().enumerate().filter(|(i, _)| *i != own && step.fallback.is_none());
    others.map(|(_, name)| FusedEntry { onnx_node: name.clone(), into_step: entry.index }).collect()
}
