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

/// Rules for what a model brings along, which go before the others.
const AS_WRITTEN: &[Rule] = &[pools::as_written];

/// Lets operators take in the quantization of what they read and write, until none can any more. Weights tell theirs by
/// [`crate::graph::Tensor::quantization`].
pub(crate) fn absorb(graph: &mut Graph) {
    absorb_by(graph, RULES);
}

/// As [`absorb`], of a model that was quantized elsewhere and is to give what it gives there.
pub(crate) fn absorb_as_written(graph: &mut Graph) {
    absorb_by(graph, &[AS_WRITTEN, RULES].concat());
}

fn absorb_by(graph: &mut Graph, all: &[Rule]) {
    let is_quantized =
        |op: &Op| matches!(op, Op::Quantize(_) | Op::Dequantize(_) | Op::Table | Op::DynamicFullyConnected(_));
    if graph.nodes.iter().any(|node| is_quantized(&node.op)) {
        rules::apply_with(graph, all);
    }
}
