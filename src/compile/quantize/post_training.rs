//! Post-training quantization from beginning to end.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::calibrate::{self, Calibration};
use super::candidate::{self, Calibrated, Recipe, Scope};
use super::choose::{KEPT, Type};
use super::equalize::{self, Equalization};
use super::measure::{SLACK, Truth};
use super::prepare;
use super::ranges::RangeMethod;
use super::sensitivity::{self, Sensitivity};
use crate::graph::{Graph, Node};
use crate::{CompileError, Progress};

/// Samples on which ways to quantize are compared.
const COMPARED: usize = 64;

/// How to quantize a trained f32 model.
#[derive(Clone, Debug, Default)]
pub struct QuantizeOptions {
    /// Typical inputs, each the bytes of every graph input.
    pub samples: Vec<Vec<Vec<u8>>>,
    /// The right class of each sample, or none at all.
    pub labels: Vec<usize>,
    /// How ranges are chosen; none takes what does best on the samples.
    pub ranges: Option<RangeMethod>,
    /// How much accuracy (without labels: agreement with f32; without classes: relative error of the outputs) may be
    /// lost, 0.005 being half a point. Nodes stay in f32 until it is not exceeded.
    pub max_drop: Option<f64>,
    /// Whether to tell what each node alone costs.
    pub sensitivity: bool,
}

/// How a model was quantized and what that cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantization {
    /// How ranges were chosen.
    pub ranges: String,
    /// Which channels were equalized: `none`, `depthwise` or `all`.
    pub equalization: String,
    /// Whether biases take back what rounding the weights moves.
    pub bias_correction: bool,
    /// SHA-256 of the samples.
    pub calibration_sha256: String,
    /// Number of samples.
    pub samples: usize,
    /// What was measured on them: `accuracy`, `agreement` with f32, or `error` of the outputs relative to f32.
    pub measure: String,
    /// The measure of the f32 model.
    pub f32: f64,
    /// The measure of the quantized model.
    pub int8: f64,
    /// Part of the samples on which the greatest output is that of f32; none without classes.
    pub agreement: Option<f64>,
    /// Noise over signal of the outputs.
    pub error: f64,
    /// What the measure was allowed to lose.
    pub max_drop: Option<f64>,
    /// Nodes kept in f32 for that.
    pub kept: Vec<String>,
    /// The ways that were tried.
    pub tried: Vec<Tried>,
    /// What each node alone costs, where that was asked or needed.
    pub sensitivity: Vec<Sensitivity>,
}

/// A way to quantize, and how it did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// How ranges were chosen.
    pub ranges: String,
    /// Which channels were equalized.
    pub equalization: String,
    /// Whether biases were corrected.
    pub bias_correction: bool,
    /// Noise over signal of the outputs.
    pub error: f64,
}

/// A quantized graph.
pub(crate) struct Outcome {
    pub(crate) graph: Graph,
    pub(crate) quantization: Quantization,
    /// Why each node has its type, by name.
    pub(crate) reasons: BTreeMap<String, String>,
}

/// Quantizes a graph of which the rules have made what they can.
///
/// # Errors
/// If there are no samples, they do not fit the graph, or it does not run.
pub(crate) fn post_training(
    graph: &Graph,
    options: &QuantizeOptions,
    progress: Progress<'_>,
) -> Result<Outcome, CompileError> {
    check(graph, options)?;
    let hash = hash(options);
    // Samples that lie sorted by class are found in both halves.
    let options =
        &QuantizeOptions { samples: alternating(&options.samples), labels: alternating(&options.labels), ..*options };
    let mut graph = graph.clone();
    prepare::split(&mut graph);
    let Calibration { statistics, outputs } = calibrate::calibrate(&graph, &options.samples, progress)?;
    let truth = Truth::new(&graph, &options.samples, &options.labels, outputs);
    let (recipe, tried) = Search::new(&graph, &truth, progress)?.all(options.ranges, progress)?;
    let mut calibrated = Calibrated { graph, statistics };
    if equalize::equalize(&mut calibrated.graph, &calibrated.statistics, recipe.equalization) > 0 {
        calibrated.statistics = calibrate::calibrate(&calibrated.graph, truth.samples, progress)?.statistics;
    }
    let mut outcome = finish(&calibrated, &recipe, &truth, options, tried, progress)?;
    outcome.quantization.calibration_sha256 = hash;
    Ok(outcome)
}

/// Every other element, then those between.
fn alternating<T: Clone>(all: &[T]) -> Vec<T> {
    let every_other = |first: usize| all.iter().skip(first).step_by(2).cloned();
    every_other(0).chain(every_other(1)).collect()
}

/// Chooses among the ways to quantize: each is calibrated on one half of the samples and tried on the other, lest a range
/// that fits its own samples alone win.
struct Search<'a> {
    plain: Calibrated,
    known: &'a [Vec<Vec<u8>>],
    unknown: Truth<'a>,
    tried: Vec<Tried>,
    best: Option<(Recipe, f64)>,
}

/// One way replaces another if its error is less than so much of the other's: near ties are not left to chance.
const BETTER: f64 = 0.98;

impl<'a> Search<'a> {
    fn new(graph: &Graph, truth: &Truth<'a>, progress: Progress<'_>) -> Result<Self, CompileError> {
        let count = truth.samples.len();
        // Of a lone sample there are no halves.
        let known = count.div_ceil(2);
        let unknown = if count > 1 { known..count.min(known + COMPARED) } else { 0..count };
        let known = &truth.samples[..known];
        let statistics = calibrate::calibrate(graph, known, progress)?.statistics;
        let plain = Calibrated { graph: graph.clone(), statistics };
        Ok(Self { plain, known, unknown: truth.on(unknown), tried: Vec::new(), best: None })
    }

    /// The best recipe, and all that were tried.
    fn all(mut self, asked: Option<RangeMethod>, progress: Progress<'_>) -> Result<(Recipe, Vec<Tried>), CompileError> {
        self.ranges(None, Equalization::None, asked, progress)?;
        let equalized = self.equalization(asked, progress)?;
        if let Some((recipe, _)) = self.best.clone() {
            self.attempt(equalized.as_ref(), Recipe { correct_biases: false, ..recipe })?;
        }
        let (recipe, _) = self.best.ok_or_else(|| CompileError::Calibration("no way to quantize was tried".into()))?;
        Ok((recipe, self.tried))
    }

    /// Tries a recipe; whether it is the best so far.
    fn attempt(&mut self, equalized: Option<&Calibrated>, recipe: Recipe) -> Result<bool, CompileError> {
        let calibrated = equalized.unwrap_or(&self.plain);
        let quantized = candidate::quantize(calibrated, &recipe, &Scope::Without(&HashSet::new()));
        let error = self.unknown.score(&quantized.graph)?.error;
        self.tried.push(Tried {
            ranges: recipe.ranges.name().into(),
            equalization: recipe.equalization.name().into(),
            bias_correction: recipe.correct_biases,
            error,
        });
        let is_better = self.best.as_ref().is_none_or(|(_, best)| error < best * BETTER);
        if is_better {
            self.best = Some((recipe, error));
        }
        Ok(is_better)
    }

    /// Tries every way to choose ranges; whether one is the best so far.
    fn ranges(
        &mut self,
        equalized: Option<&Calibrated>,
        equalization: Equalization,
        asked: Option<RangeMethod>,
        progress: Progress<'_>,
    ) -> Result<bool, CompileError> {
        let methods = asked.map_or_else(|| RangeMethod::ALL.to_vec(), |method| vec![method]);
        let mut is_better = false;
        for (i, ranges) in methods.iter().enumerate() {
            is_better |= self.attempt(equalized, Recipe { ranges: *ranges, equalization, correct_biases: true })?;
            progress("compare ranges", (i + 1) as f32 / methods.len() as f32);
        }
        Ok(is_better)
    }

    /// The graph of the best way, if it is an equalized one. Which ranges suit depends on the equalization: all pairs are
    /// tried.
    fn equalization(
        &mut self,
        asked: Option<RangeMethod>,
        progress: Progress<'_>,
    ) -> Result<Option<Calibrated>, CompileError> {
        let mut best = None;
        let mut pairs = 0;
        for equalization in [Equalization::Depthwise, Equalization::All] {
            let mut graph = self.plain.graph.clone();
            let equalized = equalize::equalize(&mut graph, &self.plain.statistics, equalization);
            if equalized <= pairs {
                continue;
            }
            pairs = equalized;
            let statistics = calibrate::calibrate(&graph, self.known, progress)?.statistics;
            let calibrated = Calibrated { graph, statistics };
            if self.ranges(Some(&calibrated), equalization, asked, progress)? {
                best = Some(calibrated);
            }
        }
        Ok(best)
    }
}

/// Keeps nodes in f32 if that is asked, and tells what came out.
fn finish(
    calibrated: &Calibrated,
    recipe: &Recipe,
    truth: &Truth<'_>,
    options: &QuantizeOptions,
    tried: Vec<Tried>,
    progress: Progress<'_>,
) -> Result<Outcome, CompileError> {
    let own = truth.own();
    let mut kept = HashSet::new();
    let mut quantized = candidate::quantize(calibrated, recipe, &Scope::Without(&kept));
    let mut score = truth.score(&quantized.graph)?;
    let exceeds = options.max_drop.filter(|most| score.drop(truth, &own) > most + SLACK);
    let mut sensitivity = Vec::new();
    if options.sensitivity || exceeds.is_some() {
        sensitivity = sensitivity::sweep(calibrated, recipe, truth, progress)?;
    }
    if let Some(most) = exceeds {
        kept = sensitivity::keep(calibrated, recipe, truth, &sensitivity, most, progress)?;
        quantized = candidate::quantize(calibrated, recipe, &Scope::Without(&kept));
        score = truth.score(&quantized.graph)?;
        sensitivity.iter_mut().for_each(|row| row.kept = kept.contains(&row.node));
    }
    let noise = noise(calibrated, &quantized.graph, truth)?;
    let reasons =
        quantized.types.iter().map(|(name, t)| (name.clone(), reason(t, noise.get(name), &sensitivity, name)));
    let reasons = reasons.collect();
    let (measure, of_f32, of_int8) = match (truth.labels.is_empty(), truth.classes) {
        (false, _) => ("accuracy", own.accuracy, score.accuracy),
        (true, true) => ("agreement", 1.0, score.agreement),
        (true, false) => ("error", 0.0, score.error),
    };
    let mut kept: Vec<String> = kept.into_iter().collect();
    kept.sort();
    let quantization = Quantization {
        ranges: recipe.ranges.name().into(),
        equalization: recipe.equalization.name().into(),
        bias_correction: recipe.correct_biases,
        calibration_sha256: String::new(),
        samples: options.samples.len(),
        measure: measure.into(),
        f32: of_f32,
        int8: of_int8,
        agreement: truth.classes.then_some(score.agreement),
        error: score.error,
        max_drop: options.max_drop,
        kept,
        tried,
        sensitivity,
    };
    Ok(Outcome { graph: quantized.graph, quantization, reasons })
}

/// Signal to noise of each node's result, in decibels, by the node's name.
fn noise(calibrated: &Calibrated, graph: &Graph, truth: &Truth<'_>) -> Result<HashMap<String, f64>, CompileError> {
    let noise = sensitivity::sqnr(calibrated, graph, truth)?;
    let of = |node: &Node| Some((node.name.clone(), *noise.get(&node.outputs.first().copied()??)?));
    Ok(calibrated.graph.nodes.iter().filter_map(of).collect())
}

fn reason(of: &Type, noise: Option<&f64>, sensitivity: &[Sensitivity], name: &str) -> String {
    let row = sensitivity.iter().find(|row| row.node == name);
    match (of, noise, row) {
        (Type::Int8, Some(db), _) => format!("calibrated, SQNR {db:.1} dB"),
        (Type::Int8, None, _) => "calibrated".into(),
        (Type::Real(why), _, Some(row)) if why == KEPT => {
            let db = row.sqnr_db.map_or_else(String::new, |db| format!(", SQNR {db:.1} dB"));
            format!("{KEPT}: alone in 8 bits it gives the outputs an error of {:.2} %{db}", row.error * 100.0)
        }
        (Type::Real(why), ..) => why.clone(),
    }
}

fn hash(options: &QuantizeOptions) -> String {
    let mut hash = Sha256::new();
    options.samples.iter().flatten().for_each(|bytes| hash.update(bytes));
    options.labels.iter().for_each(|label| hash.update((*label as u64).to_le_bytes()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Samples and labels fit the graph.
fn check(graph: &Graph, options: &QuantizeOptions) -> Result<(), CompileError> {
    let refuse = |reason: String| Err(CompileError::Calibration(reason));
    if options.samples.is_empty() {
        return refuse("no samples are given".into());
    }
    if !options.labels.is_empty() && options.labels.len() != options.samples.len() {
        return refuse(format!("{} labels are given for {} samples", options.labels.len(), options.samples.len()));
    }
    let sizes = || graph.inputs.iter().map(|(_, id)| graph.tensor(*id).bytes());
    match options.samples.iter().position(|sample| !sizes().eq(sample.iter().map(Vec::len))) {
        Some(i) => refuse(format!("sample {i} does not have the size of the model's inputs")),
        None => Ok(()),
    }
}
