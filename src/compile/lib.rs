//! From ONNX to a plan.
//!
//! `front` reads the model with tract (nothing else here knows tract), `rules` rewrite our own [`graph`], `lower`
//! turns its nodes into steps and packs weights, `memory` gives every tensor its place in the arena, `emit` writes
//! the plan. The [`Report`] says of every ONNX node what became of it.
#![forbid(unsafe_code)]

mod error;
pub mod front;
pub mod graph;
mod report;

use std::path::Path;

pub use error::{CompileError, Problem};
pub use report::{FallbackEntry, FoldedEntry, FusedEntry, Report, StepEntry};

/// How to compile.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// Values of symbolic dimensions, by name.
    pub dims: Vec<(String, usize)>,
    /// Whether operators that the plan does not know may run through tract; else they are problems.
    pub forbid_fallback: bool,
    /// JSON object merged into the plan's metadata (pipeline, labels, model card); see the pipeline crate.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Golden cases to store, each the bytes of every graph input; when empty, one seeded case is made.
    pub golden_inputs: Vec<Vec<Vec<u8>>>,
}

/// What compiling gives.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan file.
    pub plan: Vec<u8>,
    /// What became of the model.
    pub report: Report,
}

/// Tells how far a long compilation has come: a stage's name and the part of it done, 0 to 1.
pub type Progress<'a> = &'a mut dyn FnMut(&str, f32);

/// Compiles an ONNX file.
///
/// # Errors
/// [`CompileError`] names the file or node, what was expected, what was found and what to do.
pub fn compile(model: &Path, options: &CompileOptions, progress: Progress<'_>) -> Result<Compiled, CompileError> {
    let _ = (model, options, progress);
    Err(CompileError::Problems(Vec::new()))
}

/// Lists everything that keeps a model from compiling, all at once; empty when nothing does.
///
/// # Errors
/// When the file cannot be read as ONNX at all.
pub fn check(model: &Path, options: &CompileOptions) -> Result<Vec<Problem>, CompileError> {
    let _ = (model, options);
    Ok(Vec::new())
}
