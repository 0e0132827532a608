//! Fallback steps: sub-models that another runtime runs.

use coulter_plan::{Step, Tensor};

/// Runs the sub-models of fallback steps.
pub trait External: Sync {
    /// Loads the sub-model of `step`, whose bytes are `model`; returns whether it can be run.
    fn prepare(&mut self, step: &Step<'_>, model: &[u8]) -> bool;

    /// Runs the sub-model of the step with this index; returns whether it succeeded and filled every output.
    fn run(&self, step: usize, inputs: &[ExternalTensor<'_>], outputs: &mut [ExternalTensorMut<'_>]) -> bool;
}

/// A dense tensor that a sub-model reads.
#[derive(Clone, Copy, Debug)]
pub struct ExternalTensor<'a> {
    /// Type and shape.
    pub tensor: Tensor,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A dense tensor that a sub-model fills.
#[derive(Debug)]
pub struct ExternalTensorMut<'a> {
    /// Type and shape.
    pub tensor: Tensor,
    /// Its bytes.
    pub bytes: &'a mut [u8],
}
