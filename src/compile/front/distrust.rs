//! What is never left to tract: operators that it computes wrongly, and answers that would change from run to run.

use std::sync::LazyLock;

use coulter_plan::DType;
use tract_onnx::pb::NodeProto;

use super::importer::Importer;
use super::model::domain;
use super::node::{Decline, OnnxNode};

/// A cure for nodes that nobody runs.
pub(crate) const REPLACE: &str = "replace the node by simpler operators in the exporting program";

/// tract looks operators up by name alone; these are the domains whose names it means.
const DOMAINS: [&str; 3] = ["", "ai.onnx.ml", "com.microsoft"];

/// Whether the operators of a domain are those that tract means.
pub(crate) fn domain_is_known(domain: &str) -> bool {
    DOMAINS.contains(&domain)
}

/// Operators of com.microsoft that are not ONNX's of the same name.
const CONTRIB: [&str; 12] = [
    "BiasGelu",
    "FastGelu",
    "Gelu",
    "GatherBlockQuantized",
    "GroupQueryAttention",
    "MatMulNBits",
    "MultiHeadAttention",
    "QuickGelu",
    "RotaryEmbedding",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
];

/// Whether tract has an importer for a node.
pub(crate) fn tract_knows(node: &NodeProto) -> bool {
    static KNOWN: LazyLock<tract_onnx::Onnx> = LazyLock::new(tract_onnx::onnx);
    let domain = domain(&node.domain);
    let meant = domain_is_known(domain) && (domain != "com.microsoft" || CONTRIB.contains(&node.op_type.as_str()));
    meant && KNOWN.op_register.0.contains_key(&node.op_type)
}

/// The problem of a node that nobody knows.
pub(crate) fn unknown(node: &OnnxNode<'_>) -> Decline {
    Decline::problem(format!("the operator {} is not known", node.qualified()), REPLACE)
}

/// Why tract must not run a node.
pub(crate) fn reason(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Option<String> {
    RULES.iter().find_map(|(ops, wrong)| if ops.contains(&node.op()) { wrong(importer, node) } else { None })
}

type Wrong = fn(&Importer<'_>, &OnnxNode<'_>) -> Option<String>;

const RULES: &[(&[&str], Wrong)] = &[
    (&["RNN", "GRU", "LSTM"], |_, node| {
        let direction = node.string_or("direction", "forward").ok()?;
        if direction != "forward" {
            return Some(format!("tract miscomputes direction={direction}"));
        }
        let left_out = ["clip", "input_forget", "activations"];
        let found = left_out.into_iter().find(|name| node.has(name))?;
        Some(format!("tract leaves out {found}"))
    }),
    (&["AveragePool"], |_, node| {
        let both = node.flag("ceil_mode").ok()? && node.flag("count_include_pad").ok()?;
        both.then(|| "tract miscomputes ceil_mode with count_include_pad".into())
    }),
    (&["ConvTranspose"], |_, node| {
        let padded = node.ints("pads").ok()?.is_some_and(|pads| pads.iter().any(|&n| n != 0));
        (node.has("output_shape") && padded).then(|| "tract miscomputes output_shape with pads".into())
    }),
    (&["GridSample"], |_, node| {
        let cubic = node.string_or("mode", "linear").ok()?.contains("cubic");
        let padding = node.string_or("padding_mode", "zeros").ok()?;
        (cubic && padding == "border").then(|| "tract miscomputes bicubic samples with padding_mode=border".into())
    }),
    (&["Einsum"], |_, node| {
        let scalar = node.string_or("equation", "").ok()?.trim_end().ends_with("->");
        scalar.then(|| "tract miscomputes sums over all dimensions".into())
    }),
    (&["SpaceToDepth", "DepthToSpace", "BitShift", "QLinearMatMul"], |_, node| {
        Some(format!("tract miscomputes {}", node.op()))
    }),
    (&["ReduceLogSumExp"], |importer, node| {
        let dtype = importer.dtype(node.optional(0)?);
        (!dtype.is_float()).then(|| format!("tract rounds it wrongly in {dtype}"))
    }),
    (&["Slice"], |importer, node| {
        let computed = (1..5).filter_map(|i| node.optional(i)).any(|id| !importer.is_constant(id));
        computed.then(|| "tract does not always run slices whose bounds are computed".into())
    }),
    (&["Mod"], |importer, node| {
        let dtype = importer.dtype(node.optional(0)?);
        (dtype != DType::F64).then(|| format!("tract miscomputes it in {dtype}"))
    }),
    (&["Celu"], |importer, node| {
        let dtype = importer.dtype(node.optional(0)?);
        (dtype != DType::F32).then(|| format!("tract miscomputes it in {dtype}"))
    }),
    (
        &["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"],
        |_, _| Some("its answer is random, and a plan's answers are not".into()),
    ),
];
