//! One way to quantize a graph.

use std::collections::HashSet;

use super::choose::{self, Type};
use super::equalize::Equalization;
use super::insert;
use super::ranges::RangeMethod;
use super::statistics::Statistics;
use super::{absorb, bias_correction, weights};
use crate::graph::Graph;

/// How a graph is quantized.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recipe {
    /// How ranges are chosen.
    pub(super) ranges: RangeMethod,
    /// Which channels have been equalized in the graph.
    pub(super) equalization: Equalization,
    /// Whether biases take back what rounding the weights moves.
    pub(super) correct_biases: bool,
}

/// A graph as it was calibrated.
pub(super) struct Calibrated {
    pub(super) graph: Graph,
    pub(super) statistics: Vec<Option<Statistics>>,
}

/// Which nodes may become bytes.
pub(super) enum Scope<'a> {
    /// All but those of these names.
    Without(&'a HashSet<String>),
    /// The one of this name alone.
    Only(&'a str),
}

/// A quantized graph.
pub(super) struct Quantized {
    pub(super) graph: Graph,
    /// The type of each node that was left to choose, by name.
    pub(super) types: Vec<(String, Type)>,
}

/// Quantizes.
pub(super) fn quantize(calibrated: &Calibrated, recipe: &Recipe, scope: &Scope<'_>) -> Quantized {
    let statistics = &calibrated.statistics;
    let mut graph = calibrated.graph.clone();
    let types = match scope {
        Scope::Without(kept) => choose::choose(&graph, statistics, kept),
        Scope::Only(name) => choose::only(&graph, statistics, name),
    };
    let int8: Vec<bool> = types.iter().map(|t| *t == Type::Int8).collect();
    let types = graph.nodes.iter().map(|node| node.name.clone()).zip(types).collect();
    let edges = insert::edges(&graph, &int8, statistics, recipe.ranges);
    let before = graph.clone();
    weights::quantize(&mut graph, &int8, &edges);
    if recipe.correct_biases {
        bias_correction::correct(&mut graph, &before, &int8, statistics);
    }
    insert::insert(&mut graph, &int8, &edges);
    // One node alone is tried where it stands: its pairs say the same as the operator on bytes, up to rounding.
    if matches!(scope, Scope::Without(_)) {
        absorb(&mut graph);
    }
    Quantized { graph, types }
}
