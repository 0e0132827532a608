//! Fallback steps: sub-models that tract-core runs.
//!
//! A sub-model is a serialized ONNX `ModelProto` whose inputs have concrete types and shapes. Inputs and outputs of
//! the step are the graph's inputs (those without initializer) and outputs, in order, dense and little-endian.
//! Every element type of a plan is carried except bf16, which tract does not have. Where the shape of an output depends
//! on data, a run that gives another shape than the step has is an error.
//!
//! # Trust
//!
//! tract's loader reads whatever it is given and has had advisories of its own. This crate does not decide what may
//! be loaded: a session without [`SessionOptions::external`](coulter_exec::SessionOptions) refuses plans with
//! fallback steps, and that is the default. Give it a [`Tract`] only for a plan that this process compiled, one
//! whose signature was verified, or one that a person explicitly allowed. Panics inside tract are caught and become
//! errors (if the program unwinds on panics); exhausted memory and endless loops are not.
#![forbid(unsafe_code)]

mod dtype;
mod error;
mod external;
mod model;
mod panics;
#[cfg(test)]
mod tests;

pub use error::{FallbackError, Port};
pub use external::{Errors, Tract};

use coulter_plan::DType;
use model::Model;

/// An output: type, shape, little-endian bytes.
pub type Output = (DType, Vec<usize>, Vec<u8>);

/// What is known of an output before a run: its type, and its shape unless that depends on data.
pub type OutputFact = (DType, Option<Vec<usize>>);

/// Types and shapes of the outputs of a serialized sub-model.
///
/// # Errors
/// If tract cannot load it, or a type is one that a plan cannot hold; see [`FallbackError`].
pub fn output_facts(model: &[u8]) -> Result<Vec<OutputFact>, FallbackError> {
    Ok(Model::load(model)?.outputs)
}

/// Runs a serialized sub-model once: types, shapes and little-endian bytes of its inputs to those of its outputs.
///
/// # Errors
/// If tract cannot load or run it, or the inputs are not what it takes; see [`FallbackError`].
pub fn evaluate(model: &[u8], inputs: &[(DType, Vec<usize>, &[u8])]) -> Result<Vec<Output>, FallbackError> {
    let model = Model::load(model)?;
    let given: Vec<(DType, Vec<usize>)> = inputs.iter().map(|(dtype, shape, _)| (*dtype, shape.clone())).collect();
    model.check_inputs(&given)?;
    let bytes: Vec<&[u8]> = inputs.iter().map(|(_, _, bytes)| *bytes).collect();
    let output = |computed: &model::Computed| {
        let (dtype, shape) = computed.fact();
        (dtype, shape, computed.bytes().to_vec())
    };
    Ok(model.run(&bytes)?.iter().map(output).collect())
}
