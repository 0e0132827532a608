//! Reads ONNX models with tract and gives our own graph: the only module that knows tract.

pub(crate) mod reference;

use std::path::Path;

use crate::graph::Graph;
use crate::{CompileError, CompileOptions};

/// Reads a model.
///
/// # Errors
/// See [`CompileError`].
pub fn import(model: &Path, options: &CompileOptions) -> Result<Graph, CompileError> {
    let _ = (model, options);
    Ok(Graph::default())
}
