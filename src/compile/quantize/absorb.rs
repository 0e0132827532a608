//! Operators between [`Op::Dequantize`] and [`Op::Quantize`] become operators on bytes.

use crate::graph::{Graph, Op};
use crate::rules;

/// Lets operators take in the quantization of what they read and write, until none can any more. Weights tell theirs by
/// [`crate::graph::Tensor::quantization`]; what cannot compute with bytes stays as it is.
pub(crate) fn absorb(graph: &mut Graph) {
    let is_quantized = |op: &Op| matches!(op, Op::Quantize(_) | Op::Dequantize(_) | Op::Table);
    if graph.nodes.iter().any(|node| is_quantized(&node.op)) {
        rules::apply(graph);
    }
}
