//! Rewrites the graph until it says the same with fewer and larger steps.
//!
//! A rule looks at one node and gives a `Patch` or nothing; each stands in a file of its own. Rules are tried in the
//! order of a list, and lists until nothing changes. What a rule takes away takes its ONNX nodes' names to the node
//! that does their work, or to the graph's list of folded ones.
//!
//! Rules keep results up to rounding, and leave alone what is a graph output or read elsewhere.

mod attention;
mod channels;
pub(crate) mod cone;
pub(crate) mod constants;
mod cut;
mod flatten;
mod fold_constants;
mod fully_connected;
mod fuse_activation;
mod fuse_pad;
mod fuse_residual;
mod gather_slice;
mod global_pool;
mod layout;
pub(crate) mod math;
mod merge_constants;
mod merge_duplicates;
mod merge_moves;
mod name_functions;
mod name_rows;
pub(crate) mod patch;
mod remove_identity;
mod scale_product;
pub(crate) mod shapes;
mod sink_broadcast;
mod sink_reshape;
mod sink_transpose;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod view;

use crate::graph::Graph;
use patch::Patch;
use view::View;

/// Looks at one node.
pub(crate) type Rule = fn(&View<'_>, usize) -> Option<Patch>;

/// What moves or repeats elements without need goes.
const MOVES: &[Rule] = &[
    fold_constants::rule,
    remove_identity::rule,
    merge_moves::rule,
    merge_duplicates::rule,
    gather_slice::rule,
    sink_broadcast::rule,
    sink_reshape::rule,
    sink_transpose::rule,
    flatten::before,
    flatten::after,
    global_pool::rule,
    name_functions::rule,
];

/// Steps take in what stands before and after them.
const FUSIONS: &[Rule] = &[
    name_rows::rule,
    fully_connected::rule,
    scale_product::before,
    scale_product::after,
    attention::rule,
    merge_constants::rule,
    channels::into_producer,
    channels::into_consumer,
    channels::merge,
    fuse_pad::rule,
    fuse_residual::rule,
    fuse_activation::rule,
];

/// Applies every rule until none applies any more.
pub fn apply(graph: &mut Graph) {
    apply_with(graph, &[]);
}

/// As [`apply`], with more rules, which go before the fusions.
pub(crate) fn apply_with(graph: &mut Graph, more: &[Rule]) {
    patch::sweep_nodes(graph);
    // No model comes near this: it is there so that a defect of two rules that undo each other ends.
    let mut budget = 1000 + 100 * graph.nodes.len();
    loop {
        let before = budget;
        settle(graph, MOVES, &mut budget);
        while budget > 0 && layout::improve(graph, &mut |candidate| settle(candidate, MOVES, &mut 100_000)) {
            budget -= 1;
        }
        settle(graph, more, &mut budget);
        settle(graph, FUSIONS, &mut budget);
        if budget == before || budget == 0 {
            break;
        }
    }
    patch::sweep_tensors(graph);
}

/// Applies rules, each to every node, until none applies or `budget` patches were made.
fn settle(graph: &mut Graph, rules: &[Rule], budget: &mut usize) {
    loop {
        let before = *budget;
        for rule in rules {
            let mut next = 0;
            while *budget > 0 {
                let view = View::new(graph);
                let found = (next..graph.nodes.len()).find_map(|i| Some((i, rule(&view, i)?)));
                let Some((i, patch)) = found else { break };
                patch::apply(graph, patch);
                *budget -= 1;
                next = i.min(graph.nodes.len());
            }
        }
        if *budget == before {
            return;
        }
    }
}
