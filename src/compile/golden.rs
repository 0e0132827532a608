//! Golden cases: inputs with the outputs that the generic kernels give, stored in the plan as its proof.

use std::num::NonZero;

use coulter_exec::threads::ThreadPool;
use coulter_exec::{AlignedBytes, Observer, RunError, RunErrorKind, Session, SessionOptions, Values};
use coulter_fallback::Tract;
use coulter_plan::{DType, GoldenCase, Plan, Step};

use crate::checksums::{self, Collector};
use crate::emit::Golden;
use crate::graph::{Graph, Op, Tensor, TensorId};
use crate::{CompileError, CompileOptions, Progress};

/// Outputs of f32 kernels on other instruction sets differ by less, relative to the greatest value.
const TOLERANCE: f32 = 1e-3;

/// Multiply-accumulates up to which cases are run twice: a fraction of a second.
const CHEAP: u64 = 50_000_000;

/// Runs the plan on the given inputs, or on made ones; none where the inputs and outputs have no elements, or where
/// the model refuses every input that was made.
pub(crate) fn cases(
    graph: &Graph,
    plan: &[u8],
    options: &CompileOptions,
    progress: Progress<'_>,
) -> Result<Golden, CompileError> {
    let bytes = AlignedBytes::copy_of(plan);
    let plan = Plan::parse(&bytes)?;
    let mut ports = graph.inputs.iter().chain(&graph.outputs);
    if ports.all(|(_, id)| graph.tensor(*id).is_empty()) {
        return Ok(Golden::default());
    }
    for (i, inputs) in options.golden_inputs.iter().enumerate() {
        check_inputs(graph, i, inputs)?;
    }
    // Results do not depend on the number of threads.
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let pool = ThreadPool::new(threads).map_err(|error| CompileError::Run(error.to_string()))?;
    let mut tract = Tract::default();
    let errors = tract.errors();
    let session = SessionOptions { parallel: &pool, external: Some(&mut tract), ..SessionOptions::default() };
    let why = |error: &dyn std::fmt::Display| match errors.last() {
        Some(cause) => CompileError::Run(format!("{error}: {cause}")),
        None => CompileError::Run(error.to_string()),
    };
    let mut session = Session::new(plan, session).map_err(|error| why(&error))?;
    let mut teller = Teller { progress, done: 0, all: plan.steps().map(|step| step.macs.max(1)).sum() };
    let mut cases = Vec::new();
    for (case, inputs) in options.golden_inputs.iter().enumerate() {
        cases.push(run(&mut session, inputs, &mut teller).map_err(|error| match error.kind {
            RunErrorKind::Index { .. } => CompileError::Golden { case, reason: error.to_string() },
            _ => why(&error),
        })?);
    }
    if options.golden_inputs.is_empty() {
        cases.extend(made_case(graph, &mut session, &mut teller).map_err(|error| why(&error))?);
    }
    let cheap = teller.all <= CHEAP;
    for case in cases.iter().filter(|_| cheap) {
        // The arena holds what the run before has left.
        if run(&mut session, &case[..plan.input_count()], &mut teller).map_err(|error| why(&error))? != *case {
            return Err(CompileError::Run("a second run gives other outputs".into()));
        }
    }
    let tolerance = if checksums::exact_steps(&plan).1 { 0.0 } else { TOLERANCE };
    let checksums = match cases.first() {
        Some(case) => checksums_of(&mut session, &case[..plan.input_count()]).map_err(|error| why(&error))?,
        None => Vec::new(),
    };
    Ok(Golden { cases, tolerance, checksums })
}

/// The case with inputs of our own, if the model takes any of them.
fn made_case(
    graph: &Graph,
    session: &mut Session<'_>,
    teller: &mut Teller<'_>,
) -> Result<Option<Vec<Vec<u8>>>, RunError> {
    for indices in [Indices::Small, Indices::Zero, Indices::One] {
        match run(session, &made_inputs(graph, indices), teller) {
            Ok(case) => return Ok(Some(case)),
            // An index is too high, or a sub-model refused an index or a divisor, or its result's shape depends on
            // the data: that says nothing against the plan.
            Err(RunError { kind: RunErrorKind::Index { .. } | RunErrorKind::External, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Reads the finished plan as any device will, and finds the cases in it.
pub(crate) fn confirm(plan: &[u8], golden: &Golden) -> Result<(), CompileError> {
    let bytes = AlignedBytes::copy_of(plan);
    let plan = Plan::parse(&bytes)?;
    let stored = (0..plan.golden_count()).map(|i| plan.golden(i));
    let parts = |case: GoldenCase<'_>| {
        let inputs = (0..plan.input_count()).map(|i| case.input(i).to_vec());
        inputs.chain((0..plan.output_count()).map(|i| case.output(i).to_vec())).collect::<Vec<_>>()
    };
    if !stored.map(parts).eq(golden.cases.iter().cloned()) {
        return Err(CompileError::Run("the golden cases were not stored as they are".into()));
    }
    Ok(())
}

/// One case: the inputs' bytes, then the outputs'.
fn run(session: &mut Session<'_>, inputs: &[Vec<u8>], teller: &mut Teller<'_>) -> Result<Vec<Vec<u8>>, RunError> {
    inputs.iter().enumerate().for_each(|(i, bytes)| session.input_mut(i).copy_from_slice(bytes));
    teller.done = 0;
    session.reset();
    session.observe(teller)?;
    let outputs = (0..session.plan().output_count()).map(|i| session.output(i).to_vec());
    Ok(inputs.iter().cloned().chain(outputs).collect())
}

/// Checksums of the steps' outputs for these inputs; none where no step has one.
fn checksums_of(session: &mut Session<'_>, inputs: &[Vec<u8>]) -> Result<Vec<u32>, RunError> {
    let mut collector = Collector::new(session.plan());
    if !collector.any() {
        return Ok(Vec::new());
    }
    inputs.iter().enumerate().for_each(|(i, bytes)| session.input_mut(i).copy_from_slice(bytes));
    session.reset();
    session.observe(&mut collector)?;
    Ok(collector.checksums)
}

/// Tells how far a run is.
struct Teller<'p> {
    progress: Progress<'p>,
    done: u64,
    all: u64,
}

impl Observer for Teller<'_> {
    fn after(&mut self, step: &Step<'_>, _: &Values<'_, '_>) {
        self.done += step.macs.max(1);
        (self.progress)("compute golden outputs", self.done as f32 / self.all as f32);
    }
}

fn check_inputs(graph: &Graph, case: usize, inputs: &[Vec<u8>]) -> Result<(), CompileError> {
    let refuse = |reason: String| Err(CompileError::Golden { case, reason });
    if inputs.len() != graph.inputs.len() {
        return refuse(format!("{} inputs are given, the model has {}", inputs.len(), graph.inputs.len()));
    }
    for ((name, id), bytes) in graph.inputs.iter().zip(inputs) {
        let expected = graph.tensor(*id).bytes();
        if bytes.len() != expected {
            return refuse(format!("input {name} has {} bytes, {expected} are expected", bytes.len()));
        }
    }
    Ok(())
}

/// Which integers are made.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Indices {
    /// Below the dimensions that they index, as far as that can be told, else 0 and 1.
    Small,
    /// Zeros.
    Zero,
    /// Ones, for what divides by them.
    One,
}

fn made_inputs(graph: &Graph, indices: Indices) -> Vec<Vec<u8>> {
    let mut random = Random(0x636f_756c_7465_7221);
    let made = |(_, id): &(String, TensorId)| {
        let below = index_bound(graph, *id);
        let tensor = graph.tensor(*id);
        (0..tensor.len()).flat_map(|i| random.element(tensor, indices, below, i)).collect()
    };
    graph.inputs.iter().map(made).collect()
}

/// The length of the shortest dimension that a tensor's elements index, as they are or after being moved or cast;
/// `None` if they index nothing.
fn index_bound(graph: &Graph, input: TensorId) -> Option<usize> {
    let mut carries = vec![false; graph.tensors.len()];
    carries[input.0] = true;
    let mut bound: Option<usize> = None;
    for node in &graph.nodes {
        let carried = |i: usize| node.inputs.get(i).copied().flatten().is_some_and(|id: TensorId| carries[id.0]);
        if let (Op::Gather(params), true, Some(Some(x))) = (&node.op, carried(1), node.inputs.first()) {
            let dim = graph.tensor(*x).shape[params.axis as usize];
            bound = Some(bound.map_or(dim, |least| least.min(dim)));
        }
        // Arithmetic may lead anywhere: what comes out of it is followed, its effect on the bound is not.
        if (0..node.inputs.len()).any(carried) {
            node.outputs.iter().flatten().for_each(|id| carries[id.0] = !graph.tensor(*id).dtype.is_float());
        }
    }
    bound
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Element `i` of an input: 0 ≤ x < 1 for floats, else a small integer. The first of those that index nothing
    /// is 1, lest a mask be empty.
    fn element(&mut self, tensor: &Tensor, indices: Indices, below: Option<usize>, i: usize) -> Vec<u8> {
        let part = (self.next() >> 40) as f32 / (1u64 << 24) as f32;
        let integer = match (indices, below) {
            (Indices::Zero, _) => 0,
            (Indices::One, _) => 1,
            (_, Some(below)) => self.next() % (below.max(1) as u64),
            (_, None) if i == 0 => 1,
            (_, None) => self.next() & 1,
        };
        match tensor.dtype {
            DType::F32 => part.to_le_bytes().to_vec(),
            DType::F64 => f64::from(part).to_le_bytes().to_vec(),
            DType::F16 => half::f16::from_f32(part).to_le_bytes().to_vec(),
            DType::BF16 => half::bf16::from_f32(part).to_le_bytes().to_vec(),
            DType::Bool => vec![(integer & 1) as u8],
            DType::I8 | DType::U8 => vec![(integer % 128) as u8],
            _ => integer.to_le_bytes()[..tensor.dtype.size()].to_vec(),
        }
    }
}
