//! Reads ONNX models and gives our own graph: the only module of this crate that knows tract.
//!
//! `model` decodes the file and binds its symbolic dimensions; `importer` walks the nodes, each of which the
//! function in the table of `ops` turns into operations of the graph. What has only constants as operands is
//! computed at once (`fold`, or tract). What no function takes becomes a step that tract runs (`fallback`),
//! unless it is one that tract miscomputes (`distrust`).

mod build;
mod control;
mod distrust;
mod fallback;
mod fold;
mod implied;
mod importer;
mod model;
mod node;
mod numbers;
mod ops;
mod peek;
mod prune;
pub(crate) mod reference;
mod tensors;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use peek::{Peek, peek};

use crate::graph::Graph;
use crate::{CompileError, CompileOptions};

/// Reads a model.
///
/// # Errors
/// See [`CompileError`].
pub fn import(model: &Path, options: &CompileOptions) -> Result<Graph, CompileError> {
    let model = model::Model::read(model)?;
    let (mut graph, problems) = importer::import(&model, options)?;
    if !problems.is_empty() {
        return Err(CompileError::Problems(problems));
    }
    prune::unused(&mut graph);
    Ok(graph)
}
