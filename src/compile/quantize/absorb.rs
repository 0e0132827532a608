//! Operators between [`Op::Dequantize`] and [`Op::Quantize`] become operators on bytes.
//!
//! Each rule looks at a node that quantizes, and at what makes the real numbers that it quantizes. Where those are
//! bytes that were moved about ([`bytes`]), or a product, sum, pool or function of such, one operator on bytes does the
//! work of all. What is left over is right as well: it computes with real numbers between a change from bytes and one
//! to them.

mod bytes;
mod channels;
mod dynamic;
mod elementwise;
mod moves;
mod pools;
mod products;
mod residuals;
mod softmax;
mod tables;
mod weights;

pub(crate) use weights::{Stored, stored};

use crate::graph::{Graph, Op};
use crate::rules::{self, Rule};

const RULES: &[Rule] = &[
    tables::compose,
    tables::requantize,
    moves::before,
    moves::table_after,
    products::rule,
    tables::function,
    elementwise::rule,
    pools::rule,
    softmax::rule,
    tables::function_of_channels,
    tables::factors,
    tables::into_bounds,
    tables::into_product,
    residuals::rule,
    channels::rule,
    dynamic::rule,
];

/// Lets operators take in the quantization of what they read and write, until none can any more. Weights tell theirs by
/// [`crate::graph::Tensor::quantization`].
pub(crate) fn absorb(graph: &mut Graph) {
    let is_quantized =
        |op: &Op| matches!(op, Op::Quantize(_) | Op::Dequantize(_) | Op::Table | Op::DynamicFullyConnected(_));
    if graph.nodes.iter().any(|node| is_quantized(&node.op)) {
        rules::apply_with(graph, RULES);
    }
}
