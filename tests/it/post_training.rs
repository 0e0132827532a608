//! Models that are quantized here: as right as their f32 forms, or nearly.

use std::path::{Path, PathBuf};

use coulter_compile::{CompileOptions, Compiled, QuantizeOptions};
use coulter_plan::OpCode;

use crate::arrays::Array;
use crate::engine::{self, Runner};
use crate::{golden, npz};

/// A model with labelled samples, each an input of the model's only port.
struct Labelled {
    onnx: PathBuf,
    input: String,
    samples: Vec<Array>,
    labels: Vec<i128>,
}

impl Labelled {
    /// The arrays x, prepared by `prepare`, and y of an archive.
    fn read(onnx: PathBuf, input: &str, archive: &Path, prepare: impl Fn(&Array) -> Array) -> Self {
        let data = npz::read(archive);
        let (xs, labels) = (npz::named(&data, "x"), npz::named(&data, "y").values().integers());
        let samples = (0..labels.len()).map(|i| prepare(&xs.row(i))).collect();
        Self { onnx, input: input.into(), samples, labels }
    }

    /// Every other sample first: the file has them sorted by class.
    fn mixed(mut self) -> Self {
        let order = (0..self.labels.len()).step_by(2).chain((1..self.labels.len()).step_by(2));
        let (samples, labels) = order.map(|i| (self.samples[i].clone(), self.labels[i])).unzip();
        (self.samples, self.labels) = (samples, labels);
        self
    }

    /// Calibrated on the first `count` samples.
    fn quantize(&self, count: usize) -> Compiled {
        let samples = self.samples[..count].iter().map(|array| vec![array.bytes.clone()]).collect();
        let labels = self.labels[..count].iter().map(|&label| label as usize).collect();
        let quantize = Some(QuantizeOptions { samples, labels, ..QuantizeOptions::default() });
        self.compile(quantize)
    }

    fn compile(&self, quantize: Option<QuantizeOptions>) -> Compiled {
        let options = CompileOptions { forbid_fallback: true, quantize, ..CompileOptions::default() };
        engine::compile(&self.onnx, &options).unwrap_or_else(|e| panic!("{}: {e}", self.onnx.display()))
    }

    /// The plan's answers to all samples from `first` on.
    fn answers(&self, plan: &[u8], first: usize) -> Vec<i128> {
        let bytes = engine::aligned(plan);
        let mut runner = Runner::new(&bytes, None).expect("the plan binds without fallback");
        let mut answer = |x: &Array| {
            let outputs = runner.run(&[(&self.input, x)]).expect("the plan runs");
            engine::argmax(&engine::floats(&outputs[0].1)) as i128
        };
        self.samples[first..].iter().map(&mut answer).collect()
    }

    /// Right answers in f32 and in 8 bits, and equal answers, on all samples but the first `count`, which calibrate.
    fn compare(&self, count: usize) -> [usize; 3] {
        let (real, bytes) = (self.compile(None), self.quantize(count));
        let (real, bytes) = (self.answers(&real.plan, count), self.answers(&bytes.plan, count));
        let equal = |a: &[i128], b: &[i128]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        let found = [equal(&real, &self.labels[count..]), equal(&bytes, &self.labels[count..]), equal(&real, &bytes)];
        println!(
            "{}: f32 {} right, int8 {}, {} alike of {}",
            self.onnx.display(),
            found[0],
            found[1],
            found[2],
            real.len()
        );
        found
    }
}

fn digits() -> Labelled {
    let file = |name| golden::file("digits_cnn", name);
    Labelled::read(file("digits_cnn.onnx"), "image", &file("eval.npz"), Array::clone)
}

fn shared(folder: &str, input: &str, prepare: impl Fn(&Array) -> Array) -> Option<Labelled> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models").join(folder);
    if !folder.is_dir() {
        println!("skipped: {} is absent", folder.display());
        return None;
    }
    Some(Labelled::read(folder.join("model.onnx"), input, &folder.join("eval.npz"), prepare))
}

/// Numbers of bytes or signed bytes as f32, (x − zero) · scale.
fn scaled(x: &Array, zero: f32, scale: f32) -> Array {
    let numbers = x.values().integers();
    let bytes = numbers.iter().flat_map(|&n| ((n as f32 - zero) * scale).to_le_bytes()).collect();
    Array { dtype: coulter_plan::DType::F32, shape: x.shape.clone(), bytes }
}

#[test]
fn digits_lose_no_more_than_one_in_a_hundred() {
    let digits = digits();
    let [real, bytes, alike] = digits.compare(100);
    let all = digits.labels.len() - 100;
    assert!(bytes + all / 100 >= real, "{bytes} of {all} are right, {real} in f32");
    assert!(alike * 100 >= all * 98, "{alike} of {all} answers are alike");
}

#[test]
fn quantizing_twice_gives_the_same_bytes() {
    let digits = digits();
    let compiled = digits.quantize(60);
    assert!(compiled.plan == digits.quantize(60).plan);
    let how = compiled.report.quantization.expect("the report says how");
    assert_eq!((how.samples, how.measure.as_str(), how.calibration_sha256.len()), (60, "accuracy", 64));
    let products = compiled.report.steps.iter().filter(|step| step.op.starts_with("qconv") && step.why.contains("dB"));
    assert!(products.count() > 0, "8-bit steps say how noisy they are");
}

#[test]
fn nothing_is_lost_where_nothing_may_be() {
    let digits = digits();
    let samples = digits.samples[..60].iter().map(|array| vec![array.bytes.clone()]).collect();
    let quantize = QuantizeOptions { samples, max_drop: Some(0.0), sensitivity: true, ..QuantizeOptions::default() };
    let how = digits.compile(Some(quantize)).report.quantization.expect("the report says how");
    assert_eq!((how.measure.as_str(), how.int8), ("agreement", 1.0));
    assert!(!how.sensitivity.is_empty());
}

#[test]
fn keywords_are_heard_as_well_in_8_bits() {
    let Some(model) = shared("mlperf_kws_dscnn", "input", |x| scaled(x, 83.0, 0.584_702_9)) else { return };
    let [real, bytes, alike] = model.compare(200);
    assert!(bytes + 4 >= real, "{bytes} of 800 are right, {real} in f32");
    assert!(alike >= 791, "{alike} of 800 answers are alike");
}

#[test]
fn persons_are_seen_as_well_in_8_bits() {
    let Some(model) = shared("mlperf_vww_mobilenetv1_025", "input", |x| scaled(x, 0.0, 1.0 / 255.0)) else { return };
    let model = model.mixed();
    let [real, bytes, _] = model.compare(44);
    assert!(bytes + 1 >= real, "{bytes} of 44 are right, {real} in f32");
    let compiled = model.quantize(44);
    assert!(compiled.report.steps.iter().any(|step| step.op == OpCode::QDepthwiseConv2d.name()));
}
