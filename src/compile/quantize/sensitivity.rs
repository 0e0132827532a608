//! What each node's 8 bits cost, and which nodes to keep real.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::candidate::{self, Calibrated, Recipe, Scope};
use super::choose::{self, Type};
use super::insert::byte_name;
use super::kinds::{self, Kind};
use super::measure::{SLACK, Score, Truth};
use super::run::{Runnable, Watch, by_name};
use crate::graph::{Graph, TensorId};
use crate::{CompileError, Progress};

/// Samples on which nodes are tried one by one.
const SWEPT: usize = 24;

/// Samples on which values are compared.
const COMPARED: usize = 16;

/// What the 8 bits of one node cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The node.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Signal to noise of its result in the quantized model, in decibels; none where nothing differs or it is not known.
    pub sqnr_db: Option<f64>,
    /// Error of the outputs, relative to their amplitude, when this node alone computes in 8 bits.
    pub error: f64,
    /// Loss of accuracy, or of agreement with f32, when this node alone computes in 8 bits.
    pub drop: f64,
    /// Whether it is kept in f32.
    pub kept: bool,
}

/// Tries each node that has an 8-bit form alone.
pub(super) fn sweep(
    calibrated: &Calibrated,
    recipe: &Recipe,
    truth: &Truth<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Sensitivity>, CompileError> {
    let whole = candidate::quantize(calibrated, recipe, &Scope::Without(&HashSet::new()));
    let noise = sqnr(calibrated, &whole.graph, truth)?;
    let int8: HashSet<&str> = whole.types.iter().filter(|t| t.1 == Type::Int8).map(|t| t.0.as_str()).collect();
    let graph = &calibrated.graph;
    let computes = |kind: Kind| matches!(kind, Kind::Product | Kind::Light);
    let nodes = graph.nodes.iter().filter(|n| int8.contains(n.name.as_str()) && computes(kinds::of(graph, n)));
    let nodes: Vec<_> = nodes.collect();
    let some = truth.on(0..SWEPT.min(truth.samples.len()));
    let own = some.own();
    let mut rows = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let alone = candidate::quantize(calibrated, recipe, &Scope::Only(&node.name));
        let score = some.score(&alone.graph)?;
        let result = node.outputs.first().copied().flatten();
        rows.push(Sensitivity {
            node: node.name.clone(),
            op: node.op.name().into(),
            macs: choose::macs(graph, node),
            sqnr_db: result.and_then(|id| noise.get(&id)).copied(),
            error: score.error,
            drop: score.drop(&some, &own),
            kept: false,
        });
        progress("try nodes one by one", (i + 1) as f32 / nodes.len() as f32);
    }
    Ok(rows)
}

/// Keeps the fewest nodes real that let the drop stay within `most`, of those the ones of fewest multiplications.
pub(super) fn keep(
    calibrated: &Calibrated,
    recipe: &Recipe,
    truth: &Truth<'_>,
    rows: &[Sensitivity],
    most: f64,
    progress: Progress<'_>,
) -> Result<HashSet<String>, CompileError> {
    let own = truth.own();
    let mut order: Vec<&Sensitivity> = rows.iter().collect();
    // Equal ones in the order of execution.
    order.sort_by(|a, b| b.error.total_cmp(&a.error));
    let mut tried: BTreeMap<usize, bool> = BTreeMap::new();
    let score = |kept: &HashSet<String>| -> Result<bool, CompileError> {
        let quantized = candidate::quantize(calibrated, recipe, &Scope::Without(kept));
        let score: Score = truth.score(&quantized.graph)?;
        Ok(score.drop(truth, &own) <= most + SLACK)
    };
    let names = |rows: &[&Sensitivity]| rows.iter().map(|row| row.node.clone()).collect::<HashSet<String>>();
    // How many of the worst have to go: a bisection.
    let (mut fails, mut holds) = (0, order.len());
    while holds - fails > 1 {
        let middle = if tried.is_empty() { (fails + holds).min(8) / 2 } else { fails.midpoint(holds) };
        let middle = middle.clamp(fails + 1, holds - 1);
        let within = score(&names(&order[..middle]))?;
        tried.insert(middle, within);
        if within {
            holds = middle
        } else {
            fails = middle
        }
        progress("look for nodes to keep in f32", tried.len() as f32 / 16.0);
    }
    let mut kept: Vec<&Sensitivity> = order[..holds].to_vec();
    // Those that do not matter after all go back, the dearest first.
    let mut back = kept.clone();
    back.sort_by_key(|row| std::cmp::Reverse(row.macs));
    for (i, row) in back.iter().enumerate() {
        let rest: Vec<&Sensitivity> = kept.iter().copied().filter(|other| other.node != row.node).collect();
        if score(&names(&rest))? {
            kept = rest;
        }
        progress("give back nodes that do not matter", (i + 1) as f32 / back.len() as f32);
    }
    Ok(names(&kept))
}

/// Signal to noise of each tensor of the f32 graph that the quantized one has as bytes, in decibels.
pub(super) fn sqnr(
    calibrated: &Calibrated,
    quantized: &Graph,
    truth: &Truth<'_>,
) -> Result<HashMap<TensorId, f64>, CompileError> {
    let ids = by_name(quantized);
    let tensors = calibrated.graph.tensors.iter().enumerate();
    let pairs: HashMap<TensorId, TensorId> =
        tensors.filter_map(|(i, t)| Some((*ids.get(byte_name(&t.name).as_str())?, TensorId(i)))).collect();
    let (real, bytes) = (Runnable::of(&calibrated.graph)?, Runnable::of(quantized)?);
    let mut powers: HashMap<TensorId, (f64, f64)> = HashMap::new();
    for sample in truth.samples.iter().take(COMPARED) {
        let wanted: HashSet<TensorId> = pairs.values().copied().collect();
        let mut values = Values { wanted, values: HashMap::new() };
        real.run(std::slice::from_ref(sample), &mut values)?;
        let mut noise = Noise { pairs: &pairs, real: &values.values, powers: &mut powers };
        bytes.run(std::slice::from_ref(sample), &mut noise)?;
    }
    let decibels = |(id, (signal, noise)): (TensorId, (f64, f64))| {
        (signal > 0.0 && noise > 0.0).then(|| (id, 10.0 * (signal / noise).log10()))
    };
    Ok(powers.into_iter().filter_map(decibels).collect())
}

struct Values {
    wanted: HashSet<TensorId>,
    values: HashMap<TensorId, Vec<f32>>,
}

impl Watch for Values {
    fn wants(&self, id: TensorId) -> bool {
        self.wanted.contains(&id)
    }

    fn tensor(&mut self, id: TensorId, values: &[f32]) {
        self.values.insert(id, values.to_vec());
    }

    fn done(&mut self, _: Vec<Vec<u8>>) -> bool {
        true
    }
}

struct Noise<'a> {
    pairs: &'a HashMap<TensorId, TensorId>,
    real: &'a HashMap<TensorId, Vec<f32>>,
    powers: &'a mut HashMap<TensorId, (f64, f64)>,
}

impl Watch for Noise<'_> {
    fn wants(&self, id: TensorId) -> bool {
        self.pairs.contains_key(&id)
    }

    fn tensor(&mut self, id: TensorId, values: &[f32]) {
        let Some(real) = self.pairs.get(&id) else { return };
        let Some(wanted) = self.real.get(real).filter(|wanted| wanted.len() == values.len()) else { return };
        let powers = self.powers.entry(*real).or_default();
        for (&got, &wanted) in values.iter().zip(wanted) {
            powers.0 += f64::from(wanted).powi(2);
            powers.1 += f64::from(got - wanted).powi(2);
        }
    }

    fn done(&mut self, _: Vec<Vec<u8>>) -> bool {
        true
    }
}
