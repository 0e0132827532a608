//! The executor's fallback steps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use coulter_exec::{External, ExternalTensor, ExternalTensorMut};
use coulter_plan::{DType, Step, Tensor};

use crate::error::{FallbackError, Port};
use crate::model::Model;

/// Runs fallback steps through tract-core, those of one plan. See the crate's words on trust.
#[derive(Default)]
pub struct Tract {
    models: BTreeMap<usize, Model>,
    errors: Errors,
}

/// What went wrong last in a [`Tract`], which a session borrows as long as it lives: the executor's errors name the
/// step, this one says why.
#[derive(Clone, Debug, Default)]
pub struct Errors(Arc<Mutex<Option<FallbackError>>>);

impl Errors {
    /// The last error; `None` when none occurred.
    pub fn last(&self) -> Option<FallbackError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what went wrong; returns whether nothing did.
    fn keep(&self, outcome: Result<(), FallbackError>) -> bool {
        let Err(error) = outcome else { return true };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        false
    }
}

impl Tract {
    /// To be asked why a bind or a run failed.
    pub fn errors(&self) -> Errors {
        self.errors.clone()
    }

    /// See [`Errors::last`].
    pub fn last_error(&self) -> Option<FallbackError> {
        self.errors.last()
    }

    fn try_run(
        &self,
        step: usize,
        inputs: &[ExternalTensor<'_>],
        outputs: &mut [ExternalTensorMut<'_>],
    ) -> Result<(), FallbackError> {
        let model = self.models.get(&step).ok_or(FallbackError::NotPrepared(step))?;
        let bytes: Vec<&[u8]> = inputs.iter().map(|t| t.bytes).collect();
        let results = model.run(&bytes)?;
        if results.len() != outputs.len() {
            let (expected, found) = (results.len(), outputs.len());
            return Err(FallbackError::Count { side: "outputs", expected, found });
        }
        for (i, (result, output)) in results.iter().zip(outputs).enumerate() {
            let (expected, found) = (fact(&output.tensor), result.fact());
            if expected != found || output.bytes.len() != result.bytes().len() {
                return Err(FallbackError::Mismatch { port: Port::Output(i), expected, found });
            }
            output.bytes.copy_from_slice(result.bytes());
        }
        Ok(())
    }
}

impl External for Tract {
    fn prepare(&mut self, step: &Step<'_>, model: &[u8]) -> bool {
        let loaded = Model::load(model).and_then(|model| {
            let operands = &step.operands;
            model.check_inputs(&facts((0..operands.input_count()).filter_map(|i| operands.input(i))))?;
            model.check_outputs(&facts((0..operands.output_count()).filter_map(|i| operands.output(i))))?;
            self.models.insert(step.index, model);
            Ok(())
        });
        self.errors.keep(loaded)
    }

    fn run(&self, step: usize, inputs: &[ExternalTensor<'_>], outputs: &mut [ExternalTensorMut<'_>]) -> bool {
        self.errors.keep(self.try_run(step, inputs, outputs))
    }
}

fn facts(tensors: impl Iterator<Item = Tensor>) -> Vec<(DType, Vec<usize>)> {
    tensors.map(|t| fact(&t)).collect()
}

fn fact(tensor: &Tensor) -> (DType, Vec<usize>) {
    (tensor.dtype, tensor.dims.iter().map(|&d| d as usize).collect())
}
