//! How well a quantized graph does what the f32 graph does.

use std::ops::Range;

use coulter_plan::DType;

use super::run::Runnable;
use crate::CompileError;
use crate::graph::Graph;

/// Fractions are compared up to this.
pub(super) const SLACK: f64 = 1e-9;

/// What the samples should give.
pub(super) struct Truth<'a> {
    /// Samples, each the bytes of every graph input.
    pub(super) samples: &'a [Vec<Vec<u8>>],
    /// The right class of each, or none.
    pub(super) labels: &'a [usize],
    /// What the f32 graph gives, by sample and output.
    pub(super) outputs: Vec<Vec<Vec<u8>>>,
    /// Types of the outputs.
    pub(super) dtypes: Vec<DType>,
    /// Whether the first output tells classes: its greatest element is the answer.
    pub(super) classes: bool,
}

/// What a graph gives on the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Score {
    /// Noise over signal of the outputs, as a ratio of amplitudes.
    pub(super) error: f64,
    /// Part of the samples whose greatest output is the f32 graph's.
    pub(super) agreement: f64,
    /// Part of the samples whose greatest output is the label.
    pub(super) accuracy: f64,
}

impl<'a> Truth<'a> {
    /// From what the f32 graph has given.
    pub(super) fn new(
        graph: &Graph,
        samples: &'a [Vec<Vec<u8>>],
        labels: &'a [usize],
        outputs: Vec<Vec<Vec<u8>>>,
    ) -> Self {
        let dtypes = graph.outputs.iter().map(|(_, id)| graph.tensor(*id).dtype).collect();
        Self { samples, labels, outputs, dtypes, classes: !labels.is_empty() || tells_classes(graph) }
    }

    /// Scores a graph.
    pub(super) fn score(&self, graph: &Graph) -> Result<Score, CompileError> {
        Ok(self.compare(&Runnable::of(graph)?.outputs(self.samples)?))
    }

    /// The same on some of the samples.
    pub(super) fn on(&self, samples: Range<usize>) -> Self {
        let labels = if self.labels.is_empty() { 0..0 } else { samples.clone() };
        Self {
            samples: &self.samples[samples.clone()],
            labels: &self.labels[labels],
            outputs: self.outputs[samples].to_vec(),
            dtypes: self.dtypes.clone(),
            classes: self.classes,
        }
    }

    /// The f32 graph's own score.
    pub(super) fn own(&self) -> Score {
        self.compare(&self.outputs)
    }

    fn compare(&self, got: &[Vec<Vec<u8>>]) -> Score {
        let parts = |matches: &dyn Fn(usize) -> bool| {
            (0..got.len()).filter(|&i| matches(i)).count() as f64 / got.len().max(1) as f64
        };
        let first = |outputs: &[Vec<Vec<u8>>], i: usize| greatest(&outputs[i], &self.dtypes);
        Score {
            error: self.error(got),
            agreement: parts(&|i| first(got, i) == first(&self.outputs, i)),
            accuracy: parts(&|i| self.labels.get(i).copied() == first(got, i)),
        }
    }

    /// Mean over the f32 outputs.
    fn error(&self, got: &[Vec<Vec<u8>>]) -> f64 {
        let mut ratios = Vec::new();
        for (k, _) in self.dtypes.iter().enumerate().filter(|(_, dtype)| **dtype == DType::F32) {
            let (mut noise, mut signal) = (0.0, 0.0);
            for (got, wanted) in got.iter().zip(&self.outputs) {
                for (got, wanted) in floats(&got[k]).zip(floats(&wanted[k])).filter(|(_, wanted)| wanted.is_finite()) {
                    noise += (got - wanted).powi(2);
                    signal += wanted.powi(2);
                }
            }
            ratios.push((noise / f64::max(signal, 1e-30)).sqrt());
        }
        ratios.iter().sum::<f64>() / ratios.len().max(1) as f64
    }
}

impl Score {
    /// How much worse it is than the f32 graph's, in what is measured: accuracy where labels are known, agreement where
    /// the model tells classes, else the error.
    pub(super) fn drop(&self, truth: &Truth<'_>, own: &Score) -> f64 {
        match (truth.labels.is_empty(), truth.classes) {
            (false, _) => own.accuracy - self.accuracy,
            (true, true) => 1.0 - self.agreement,
            (true, false) => self.error,
        }
    }
}

/// Whether the one output is a row of numbers that is not as long as an input: scores of classes, nothing restored.
fn tells_classes(graph: &Graph) -> bool {
    let [(_, output)] = graph.outputs[..] else { return false };
    let output = graph.tensor(output);
    let Some((&classes, outer)) = output.shape.split_last() else { return false };
    let restores = graph.inputs.iter().any(|(_, id)| graph.tensor(*id).len() == output.len());
    output.dtype == DType::F32 && classes > 1 && outer.iter().all(|dim| *dim == 1) && !restores
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
    bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b)))
}

/// Index of the greatest element of the first output: the first of equal ones.
fn greatest(outputs: &[Vec<u8>], dtypes: &[DType]) -> Option<usize> {
    if dtypes.first() != Some(&DType::F32) {
        return None;
    }
    let mut best: Option<(usize, f64)> = None;
    for (i, value) in floats(outputs.first()?).enumerate() {
        if best.is_none_or(|(_, greatest)| value > greatest) {
            best = Some((i, value));
        }
    }
    best.map(|(i, _)| i)
}
