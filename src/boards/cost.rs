//! How long a plan takes: a model of few numbers, all of them in `cost.toml`.
//!
//! A step takes what its multiplications take at the part of the core's peak that its operator reaches, or what its
//! elements take, and what its bytes take from the cache that the whole plan fits in. One thread computes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use coulter_plan::{DType, OpCode, Plan, Space, Step, Tensor};
use serde::Deserialize;

use crate::board::Board;

/// The rates of one core with one instruction set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Rates {
    /// f32 multiply-accumulates a cycle that the instructions allow.
    f32_macs: f64,
    /// The same of bytes.
    int8_macs: f64,
    /// Which set of [`Shares`] holds.
    shares: String,
    /// How many times as long elements take as in that set.
    elements: f64,
    /// Bytes a cycle from the second and the third level.
    l2_bytes: f64,
    l3_bytes: f64,
    /// Error of the model as measured, if it was.
    measured: Option<Measured>,
    /// Where it was not: times and parts that the truth may be of what is told.
    within: Option<f64>,
}

/// Relative errors of whole models that the rates were not made from.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Measured {
    mean: f64,
    max: f64,
    models: u32,
}

/// What operators reach, for kernels of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Shares {
    /// Cycles of a step, whatever it does.
    step: f64,
    /// The part of the peak that operators with multiplications reach.
    peak: BTreeMap<String, f64>,
    /// Cycles an element of the others' outputs, or of the inputs where those are more.
    cycles: BTreeMap<String, f64>,
    /// The same for those that are not listed.
    other: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Data {
    /// The part of its memory's bus that one core gets.
    memory_share: f64,
    shares: BTreeMap<String, Shares>,
    cores: BTreeMap<String, BTreeMap<String, Rates>>,
}

fn data() -> Option<&'static Data> {
    static DATA: OnceLock<Option<Data>> = OnceLock::new();
    // A test reads it.
    DATA.get_or_init(|| toml::from_str(include_str!("cost.toml")).ok()).as_ref()
}

/// How far a prediction may be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Confidence {
    /// The model was held against measurements of models that it was not made from.
    Measured {
        /// Mean of the relative errors.
        mean: f64,
        /// The greatest.
        max: f64,
        /// How many models.
        models: u32,
    },
    /// Nobody measured it on such a core: it comes from models of the core and from what other cores reach.
    Estimated {
        /// The truth is believed to lie between the prediction divided and multiplied by this.
        within: f64,
    },
}

impl std::fmt::Display for Confidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Measured { mean, max, models } => write!(
                f,
                "mean error {:.0} %, greatest {:.0} %, measured on {models} models that it was not made from",
                mean * 100.0,
                max * 100.0
            ),
            Self::Estimated { within } => write!(
                f,
                "estimated from models of the core, not measured on one: it may be {within} times as long, or as short"
            ),
        }
    }
}

/// What a step has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Work {
    /// Multiply-accumulates that its kernel does: those of padded panels included, and fewer than the operator's in tiles.
    multiplications: u64,
    /// Elements of the outputs, or of the inputs where those are more.
    elements: u64,
    /// Bytes read and written.
    bytes: u64,
    /// Whether its products are of bytes.
    int8: bool,
}

/// What a step will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCost {
    /// Place in execution order.
    pub index: usize,
    /// Its operator.
    pub code: OpCode,
    /// Multiply-accumulates that its kernel does.
    pub multiplications: u64,
    /// Elements of the outputs, or of the inputs where those are more.
    pub elements: u64,
    /// Bytes that it reads and writes, weights included.
    pub bytes: u64,
    /// Nanoseconds.
    pub ns: f64,
}

/// What a plan will take on one thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Of each step.
    pub steps: Vec<StepCost>,
    /// How far to trust it.
    pub confidence: Confidence,
}

impl Prediction {
    /// Nanoseconds of the whole.
    pub fn total_ns(&self) -> f64 {
        self.steps.iter().map(|step| step.ns).sum()
    }
}

/// The cost model of a board.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    rates: &'static Rates,
    shares: &'static Shares,
    confidence: Confidence,
    ghz: f64,
    /// Bytes of the second and third level.
    levels: [u64; 2],
    memory_bytes: f64,
}

impl Cost {
    /// Of a board; `None` where nothing is known of its core.
    pub fn of(board: &Board) -> Option<Self> {
        let data = data()?;
        let rates = data.cores.get(&board.core.model)?.get(board.best_isa().name())?;
        let confidence = match (rates.measured, rates.within) {
            (Some(Measured { mean, max, models }), _) => Confidence::Measured { mean, max, models },
            (None, Some(within)) => Confidence::Estimated { within },
            (None, None) => return None,
        };
        let ghz = f64::from(board.core.mhz) / 1000.0;
        let levels = [board.cache.l2_kib, board.cache.l3_kib].map(|kib| u64::from(kib) << 10);
        let shares = data.shares.get(&rates.shares)?;
        Some(Self {
            rates,
            shares,
            confidence,
            ghz,
            levels,
            memory_bytes: board.memory.gb_per_s * data.memory_share / ghz,
        })
    }

    /// Whether its error was measured.
    pub fn is_measured(&self) -> bool {
        matches!(self.confidence, Confidence::Measured { .. })
    }

    /// What a plan will take.
    pub fn predict(&self, plan: &Plan<'_>) -> Prediction {
        let footprint = (plan.arena_bytes() + plan.weights().len()) as u64;
        let bytes_a_cycle = match self.levels {
            [l2, _] if footprint <= l2 => self.rates.l2_bytes,
            [_, l3] if footprint <= l3 => self.rates.l3_bytes,
            [_, 0] => self.memory_bytes.min(self.rates.l2_bytes),
            _ => self.memory_bytes.min(self.rates.l3_bytes),
        };
        let step = |step: Step<'_>| {
            let work = work(&step);
            let cycles = self.cycles(step.code, &work) + work.bytes as f64 / bytes_a_cycle;
            let Work { multiplications, elements, bytes, .. } = work;
            StepCost { index: step.index, code: step.code, multiplications, elements, bytes, ns: cycles / self.ghz }
        };
        Prediction { steps: plan.steps().map(step).collect(), confidence: self.confidence }
    }

    /// Cycles of a step but for its bytes.
    fn cycles(&self, code: OpCode, work: &Work) -> f64 {
        let own = match self.shares.peak.get(code.name()) {
            Some(share) if work.multiplications > 0 => {
                let peak = if work.int8 { self.rates.int8_macs } else { self.rates.f32_macs };
                work.multiplications as f64 / (peak * share)
            }
            _ => {
                let each = self.shares.cycles.get(code.name()).unwrap_or(&self.shares.other);
                work.elements as f64 * each * self.rates.elements
            }
        };
        self.shares.step + own
    }
}

/// Pixels of an output that a tile of [`OpCode::WinogradConv2d`] has in each direction.
const TILE: u64 = 4;

fn work(step: &Step<'_>) -> Work {
    let outputs: Vec<_> = (0..step.operands.output_count()).filter_map(|i| step.operands.output(i)).collect();
    let len = |tensor: &Tensor| tensor.len().unwrap_or(0) as u64;
    let is_read = |i: &usize| Some(*i) != step.code.scratch();
    let read = (0..step.operands.input_count()).filter(is_read).filter_map(|i| step.operands.input(i));
    let arena = read.clone().filter(|tensor| tensor.space != Space::Weights);
    let elements = arena.map(|t| len(&t)).max().unwrap_or(0).max(outputs.iter().map(len).sum());
    let size = |tensor: &Tensor| len(tensor) * tensor.dtype.size() as u64;
    let bytes = read.map(|t| size(&t)).sum::<u64>() + outputs.iter().map(size).sum::<u64>();
    let weights = step.operands.input(1).filter(|tensor| tensor.space == Space::Weights);
    let int8 = weights.as_ref().is_some_and(|tensor| matches!(tensor.dtype, DType::I8 | DType::I16));
    let multiplications = match (weights, outputs.first()) {
        (Some(weights), Some(y)) if has_panels(step.code) => {
            let channels = y.dims.last().copied().unwrap_or(1).max(1);
            let mut pixels = len(y) / u64::from(channels);
            if matches!(step.code, OpCode::WinogradConv2d | OpCode::QWinogradConv2d)
                && let [batch, lines, columns, _] = *y.dims
            {
                pixels = u64::from(batch) * u64::from(lines).div_ceil(TILE) * u64::from(columns).div_ceil(TILE);
            }
            len(&weights) * pixels
        }
        _ => step.macs,
    };
    Work { multiplications, elements, bytes, int8 }
}

/// Whether every output pixel is multiplied with all of the packed weights, input 1.
fn has_panels(code: OpCode) -> bool {
    matches!(
        code,
        OpCode::Conv2d
            | OpCode::WinogradConv2d
            | OpCode::QWinogradConv2d
            | OpCode::DepthwiseConv2d
            | OpCode::FullyConnected
            | OpCode::QConv2d
            | OpCode::QDepthwiseConv2d
            | OpCode::QFullyConnected
            | OpCode::DynamicFullyConnected
    )
}
