//! From ONNX to a plan.
//!
//! [`front`] reads the model (nothing else here knows tract), `rules` rewrite our own [`graph`], `lower`
//! turns its nodes into steps and packs weights, `memory` gives every tensor its place in the arena, `emit` writes
//! the plan. The [`Report`] says of every ONNX node what became of it.
#![forbid(unsafe_code)]

mod checksums;
pub mod diff;
mod emit;
mod error;
pub mod front;
mod golden;
pub mod graph;
mod lower;
mod memory;
pub mod quantize;
mod report;
pub mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use emit::{Golden, Notes};
use graph::Graph;
use lower::Choices;
use quantize::Outcome;

pub use error::{CompileError, Problem};
pub use front::{Peek, peek};
pub use quantize::{Quantization, QuantizeOptions, RangeMethod, Sensitivity};
pub use report::{FallbackEntry, FoldedEntry, FusedEntry, Report, StepEntry};

/// How to compile.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// Values of symbolic dimensions, by name.
    pub dims: Vec<(String, usize)>,
    /// Whether operators that the plan does not know may run through tract; else they are problems.
    pub forbid_fallback: bool,
    /// Whether 3×3 f32 convolutions keep their weights as they are; else those that are faster in tiles are computed so,
    /// which takes four times the weights and up to 256 KiB of arena.
    pub forbid_winograd: bool,
    /// Whether 3×3 8-bit convolutions that are faster in tiles are computed so, which takes eight times the weights and
    /// changes no byte: for processors whose products of 8 bits are no faster than those of 16.
    pub winograd_int8: bool,
    /// Whether f32 products of few rows keep their weights in 16-bit floats: half the bytes to store and to read, each
    /// weight off by up to 1/2048 of itself; slower where a cache holds them all.
    pub f16_weights: bool,
    /// Whether outputs may overlap inputs, row by row, where that makes the arena smaller, and nothing is computed in tiles,
    /// which take arena: for memory of kilobytes. The same answers; overlapping steps are computed a row at a time.
    pub small_arena: bool,
    /// JSON object merged into the plan's metadata (pipeline, labels, model card); see the pipeline crate.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Golden cases to store, each the bytes of every graph input; when empty, one seeded case is made.
    pub golden_inputs: Vec<Vec<Vec<u8>>>,
    /// Whether to compute in 8 bits what can be, and on what to calibrate that.
    pub quantize: Option<QuantizeOptions>,
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
    progress("read", 0.0);
    let bytes = std::fs::read(model).map_err(|source| CompileError::Read { path: model.to_owned(), source })?;
    let hash = emit::sha256(&bytes);
    drop(bytes);
    let mut graph = front::import(model, options)?;
    progress("rewrite", 0.0);
    rules::apply(&mut graph);
    quantize::absorb_as_written(&mut graph);
    let Some(wanted) = &options.quantize else { return assemble(&graph, hash, options, None, progress) };
    let Outcome { graph, quantization, reasons } = quantize::post_training(&graph, wanted, progress)?;
    let mut options = CompileOptions { quantize: None, ..options.clone() };
    if options.golden_inputs.is_empty() {
        // A typical input tells more than a made one.
        options.golden_inputs.extend(wanted.samples.first().cloned());
    }
    assemble(&graph, hash, &options, Some((quantization, reasons)), progress)
}

/// Lists everything that keeps a model from compiling, all at once; empty when nothing does.
///
/// # Errors
/// When the file cannot be read as ONNX at all.
pub fn check(model: &Path, options: &CompileOptions) -> Result<Vec<Problem>, CompileError> {
    let mut graph = match front::import(model, options) {
        Ok(graph) => graph,
        Err(CompileError::Problems(problems)) => return Ok(problems),
        Err(other) => return Err(other),
    };
    rules::apply(&mut graph);
    quantize::absorb_as_written(&mut graph);
    Ok(lower::lower(&graph, Choices::new(options)).err().unwrap_or_default())
}

/// From our own graph to a plan. A quantized one comes with how it was quantized and why its nodes, by name, have their
/// types.
pub(crate) fn assemble(
    graph: &Graph,
    onnx_sha256: [u8; 32],
    options: &CompileOptions,
    quantized: Option<(Quantization, BTreeMap<String, String>)>,
    progress: Progress<'_>,
) -> Result<Compiled, CompileError> {
    progress("lower", 0.0);
    let mut program = lower::lower(graph, Choices::new(options)).map_err(CompileError::Problems)?;
    progress("plan memory", 0.0);
    memory::merge(&mut program);
    let layout = memory::layout(&program, options.small_arena);
    let origins = emit::origins(graph);
    let emission = emit::Emission { graph, program: &program, layout: &layout, origins: &origins };
    let mut report = report::describe(&program, &layout, &options.dims);
    if let Some((quantization, reasons)) = quantized {
        report.explain(quantization, &reasons, &program);
    }
    report.explain_products(&graph.reasons);
    progress("compute golden outputs", 0.0);
    let unproved = emission.write(&Golden::default(), |_| String::new());
    let golden = golden::cases(graph, &unproved, options, progress)?;
    drop(unproved);
    progress("write", 0.0);
    // The report tells the length of the plan that holds it.
    let mut plan = Vec::new();
    for _ in 0..MOST_LENGTHS {
        report.plan_bytes = plan.len() as u64;
        plan = emission.write(&golden, |notes| metadata(&onnx_sha256, options, &report, notes));
        if plan.len() as u64 == report.plan_bytes {
            break;
        }
    }
    emit::seal(&mut plan);
    golden::confirm(&plan, &golden)?;
    progress("write", 1.0);
    Ok(Compiled { plan, report })
}

/// The first guess of the length is wrong, the second may have another number of digits, the third is right.
const MOST_LENGTHS: usize = 4;

/// The plan's metadata: what the options give, where the plan comes from, and the report.
fn metadata(onnx_sha256: &[u8; 32], options: &CompileOptions, report: &Report, notes: &Notes) -> String {
    let hash: String = onnx_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let layout = |(tensor, permutation): &(u32, Vec<usize>)| json!({ "tensor": tensor, "permutation": permutation });
    let layouts: Vec<_> = notes.permuted.iter().map(layout).collect();
    let quantized = |&(tensor, scale, zero_point): &(u32, f32, i32)| json!({ "tensor": tensor, "scale": scale, "zero_point": zero_point });
    let quantization: Vec<_> = notes.quantized.iter().map(quantized).collect();
    let mut all = options.metadata.clone();
    all.insert("compiler".into(), concat!("coulter ", env!("CARGO_PKG_VERSION")).into());
    all.insert("onnx_sha256".into(), hash.into());
    all.insert("dims".into(), json!(options.dims));
    all.insert("layouts".into(), layouts.into());
    all.insert("quantization".into(), quantization.into());
    all.insert("report".into(), json!(report));
    serde_json::Value::Object(all).to_string()
}
