//! Removes what no output needs.

use std::collections::BTreeSet;

use crate::graph::{Graph, TensorId};

/// Removes nodes whose results are not used, and notes the ONNX nodes of which nothing is left.
pub(crate) fn unused(graph: &mut Graph) {
    let mut needed: BTreeSet<TensorId> = graph.outputs.iter().map(|(_, id)| *id).collect();
    let mut keep = vec![false; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        if node.outputs.iter().flatten().any(|id| needed.contains(id)) {
            keep[i] = true;
            needed.extend(node.inputs.iter().flatten());
        }
    }
    let mut removed = Vec::new();
    let mut kept = keep.iter();
    graph.nodes.retain(|node| {
        let stays = kept.next().copied().unwrap_or(true);
        if !stays {
            removed.extend(node.onnx_nodes.iter().cloned());
        }
        stays
    });
    let mut told: BTreeSet<String> = graph.nodes.iter().flat_map(|n| n.onnx_nodes.iter().cloned()).collect();
    for name in removed {
        if told.insert(name.clone()) {
            graph.folded.push((name, "its result is not used".into()));
        }
    }
}
