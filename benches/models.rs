//! Whole models beside tract, in one process, one thread each: `cargo bench --bench models`.
//!
//! The project's own models, and those of `../shared/models` where that folder lies beside the checkout. Each
//! result is compared with tract's before anything is timed. Criterion times both; the table at the end comes from
//! interleaved rounds, so that what disturbs one disturbs the other, and gives the ratio.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use coulter::{AlignedBytes, CompileOptions, IsaSet, Plan, Session, SessionOptions};
use criterion::{Criterion, criterion_group, criterion_main};
use tract_onnx::prelude::*;

/// Folder and file of a model whose shapes are fixed and whose input is one f32 tensor.
const OWN: [(&str, &str); 4] = [
    ("diabetes_mlp", "diabetes_mlp.onnx"),
    ("digits_cnn", "digits_cnn.onnx"),
    ("digits_transformer", "digits_transformer.onnx"),
    ("sunspots_lstm", "sunspots_lstm.onnx"),
];
const SHARED: [&str; 9] = [
    "mlperf_ad_fcae",
    "mlperf_kws_dscnn",
    "mlperf_ic_resnet8",
    "mlperf_vww_mobilenetv1_025",
    "cifar_resnet20",
    "mobilenetv1_025_128",
    "mobilenetv2_10_224",
    "squeezenet_v11",
    "ultraface_rfb320",
];
/// Rounds of the table.
const ROUNDS: usize = 15;
/// Time of one side's turn in a round.
const TURN: Duration = Duration::from_millis(20);
/// Greatest difference from tract, relative to the greatest absolute value.
const TOLERANCE: f32 = 1e-3;

type Runnable = std::sync::Arc<TypedSimplePlan>;

/// The models that are there, with their names.
fn models() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = OWN.iter().map(|(name, file)| (name.to_string(), root.join("models").join(name).join(file)));
    let shared =
        SHARED.iter().map(|name| (name.to_string(), root.join("../shared/models").join(name).join("model.onnx")));
    own.chain(shared).filter(|(_, path)| path.is_file()).collect()
}

/// Values of a smooth, not constant input.
fn input(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 37 % 255) as f32) / 255.0).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn tract(path: &Path) -> TractResult<Runnable> {
    tract_onnx::onnx().model_for_path(path)?.into_optimized()?.into_runnable()
}

struct Pair {
    name: String,
    plan: AlignedBytes,
    tract: Runnable,
}

impl Pair {
    fn load(name: String, path: &Path) -> Self {
        let compiled = coulter::compile(path, &CompileOptions::default(), &mut |_, _| ());
        let plan = AlignedBytes::copy_of(&compiled.unwrap_or_else(|e| panic!("{name}: {e}")).plan);
        let tract = tract(path).unwrap_or_else(|e| panic!("{name} in tract: {e}"));
        Self { name, plan, tract }
    }

    fn session(&self) -> Session<'_> {
        let plan = Plan::parse(&self.plan).expect("the compiler's plans are valid");
        let options = SessionOptions { isas: IsaSet::detect(), ..SessionOptions::default() };
        Session::new(plan, options).expect("models of this list need no fallback")
    }

    fn tensor(&self) -> Tensor {
        let plan = Plan::parse(&self.plan).expect("the compiler's plans are valid");
        let port = plan.inputs().next().expect("the model has an input");
        let shape: Vec<usize> = port.tensor.dims.iter().map(|&d| d as usize).collect();
        let values = input(shape.iter().product());
        tract_ndarray::ArrayD::from_shape_vec(shape, values).expect("as many values as the shape has").into()
    }

    /// Fails unless both give the same answer.
    fn check(&self, session: &mut Session<'_>, tensor: &Tensor) {
        run_coulter(session, tensor);
        let ours = floats(session.output(0));
        let outputs = run_tract(&self.tract, tensor);
        let view = outputs[0].to_plain_array_view::<f32>().expect("outputs are f32");
        let largest = view.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let difference = view.iter().zip(&ours).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest;
        assert!(difference <= TOLERANCE, "{}: differs from tract by {difference:.1e}", self.name);
    }
}

fn run_coulter(session: &mut Session<'_>, tensor: &Tensor) {
    session.input_mut(0).copy_from_slice(tensor.as_bytes());
    session.run().expect("models of this list run");
    black_box(session.output(0));
}

fn run_tract(model: &Runnable, tensor: &Tensor) -> TVec<TValue> {
    black_box(model.run(tvec!(tensor.clone().into_tvalue())).expect("tract runs the model"))
}

/// Mean time of an inference over one turn, in microseconds.
fn turn(mut infer: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut runs = 0;
    while runs == 0 || began.elapsed() < TURN {
        infer();
        runs += 1;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(runs)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(pair: &Pair) -> (f64, f64, f64) {
    let (mut session, tensor) = (pair.session(), pair.tensor());
    let rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let ours = turn(|| run_coulter(&mut session, &tensor));
            let theirs = turn(|| drop(run_tract(&pair.tract, &tensor)));
            (ours, theirs)
        })
        .collect();
    let ours = median(rounds.iter().map(|r| r.0).collect());
    let theirs = median(rounds.iter().map(|r| r.1).collect());
    (ours, theirs, median(rounds.iter().map(|r| r.1 / r.0).collect()))
}

fn bench(criterion: &mut Criterion) {
    let pairs: Vec<Pair> = models().into_iter().map(|(name, path)| Pair::load(name, &path)).collect();
    for pair in &pairs {
        let (mut session, tensor) = (pair.session(), pair.tensor());
        pair.check(&mut session, &tensor);
        let mut group = criterion.benchmark_group(&pair.name);
        group.bench_function("coulter", |b| b.iter(|| run_coulter(&mut session, &tensor)));
        group.bench_function("tract", |b| b.iter(|| run_tract(&pair.tract, &tensor)));
        group.finish();
    }
    println!("{:28} {:>12} {:>12} {:>8}", "model, f32, one thread", "coulter µs", "tract µs", "ratio");
    for pair in &pairs {
        let (ours, theirs, ratio) = compare(pair);
        println!("{:28} {ours:12.1} {theirs:12.1} {ratio:8.2}", pair.name);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = bench
}
criterion_main!(benches);
