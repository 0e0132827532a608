//! Runs the f32 graph on samples and gathers statistics of every tensor that may become bytes.

use std::collections::HashMap;

use coulter_plan::DType;

use super::kinds::{self, Kind};
use super::run::{Runnable, Watch};
use super::statistics::Statistics;
use crate::graph::{Graph, Node, Op, TensorId};
use crate::{CompileError, Progress};

/// What calibration gives.
pub(super) struct Calibration {
    /// Of each tensor that a node with an 8-bit form reads or writes.
    pub(super) statistics: Vec<Option<Statistics>>,
    /// The outputs of each sample.
    pub(super) outputs: Vec<Vec<Vec<u8>>>,
}

/// Calibrates on samples, each the bytes of every graph input.
pub(super) fn calibrate(
    graph: &Graph,
    samples: &[Vec<Vec<u8>>],
    progress: Progress<'_>,
) -> Result<Calibration, CompileError> {
    let runnable = Runnable::of(graph)?;
    let mut gatherer = Gatherer {
        graph,
        samples,
        progress,
        calibration: Calibration { statistics: empty(graph), outputs: Vec::new() },
    };
    runnable.run(samples, &mut gatherer)?;
    let mut calibration = gatherer.calibration;
    spread(graph, &mut calibration.statistics);
    Ok(calibration)
}

struct Gatherer<'a> {
    graph: &'a Graph,
    samples: &'a [Vec<Vec<u8>>],
    progress: Progress<'a>,
    calibration: Calibration,
}

impl Watch for Gatherer<'_> {
    fn wants(&self, id: TensorId) -> bool {
        self.calibration.statistics[id.0].is_some()
    }

    fn tensor(&mut self, id: TensorId, values: &[f32]) {
        if let Some(statistics) = &mut self.calibration.statistics[id.0] {
            statistics.add(values);
        }
    }

    fn done(&mut self, outputs: Vec<Vec<u8>>) -> bool {
        let done = self.calibration.outputs.len();
        for ((_, id), bytes) in self.graph.inputs.iter().zip(&self.samples[done]) {
            if self.graph.tensor(*id).dtype == DType::F32 {
                let values: Vec<f32> = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                self.tensor(*id, &values);
            }
        }
        self.calibration.outputs.push(outputs);
        (self.progress)("calibrate", (done + 1) as f32 / self.samples.len() as f32);
        true
    }
}

/// Statistics to be filled.
fn empty(graph: &Graph) -> Vec<Option<Statistics>> {
    let mut statistics = vec![None; graph.tensors.len()];
    let periods = periods(graph);
    for node in graph.nodes.iter().filter(|node| !matches!(kinds::of(graph, node), Kind::Real(_))) {
        for id in kinds::byte_inputs(graph, node).chain(node.outputs.iter().flatten().copied()) {
            let last = graph.tensor(id).shape.last().copied().unwrap_or(1);
            let period = periods.get(&id).copied().unwrap_or(last);
            statistics[id.0].get_or_insert_with(|| Statistics::new(period));
        }
    }
    statistics
}

/// Lengths of the rows that fully connected layers make of what is reshaped for them.
fn periods(graph: &Graph) -> HashMap<TensorId, usize> {
    let producers = graph.producers();
    let mut periods = HashMap::new();
    for node in &graph.nodes {
        let (Op::FullyConnected(_), Some(Some(x))) = (&node.op, node.inputs.first()) else { continue };
        let depth = graph.tensor(*x).shape.last().copied().unwrap_or(1);
        let mut at = *x;
        while let Some(source) = reshaped(graph, producers.get(&at)) {
            at = source;
            periods.insert(at, depth);
        }
    }
    periods
}

/// What a reshape reads.
fn reshaped(graph: &Graph, producer: Option<&usize>) -> Option<TensorId> {
    let node: &Node = &graph.nodes[*producer?];
    if matches!(node.op, Op::Reshape) { node.inputs.first().copied().flatten() } else { None }
}

/// Views are not computed by steps: their values are those of what they look at.
fn spread(graph: &Graph, statistics: &mut [Option<Statistics>]) {
    for node in graph.nodes.iter().filter(|node| kinds::of(graph, node) == Kind::Move) {
        let [Some(output)] = node.outputs[..] else { continue };
        let unseen = |s: &Option<Statistics>| s.as_ref().is_none_or(|s| s.count == 0);
        if !unseen(&statistics[output.0]) {
            continue;
        }
        let sources: Vec<Statistics> =
            node.inputs.iter().flatten().filter_map(|id| statistics[id.0].clone()).filter(|s| s.count > 0).collect();
        let Some((first, others)) = sources.split_first() else { continue };
        let mut all = first.clone();
        others.iter().for_each(|other| all.merge(other));
        if !matches!(node.op, Op::Reshape) {
            all.sums.clear();
            all.peaks.clear();
        }
        statistics[output.0] = Some(all);
    }
}
