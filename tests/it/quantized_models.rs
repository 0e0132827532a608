//! Quantized models: they compute with bytes from end to end, and answer as onnxruntime does.

use std::path::{Path, PathBuf};

use coulter_compile::{CompileOptions, Report};
use coulter_plan::DType;

use crate::arrays::{Array, Values};
use crate::engine::{self, Runner};
use crate::npz;

/// A quantized model with labelled samples or one reference.
struct Quantized {
    folder: &'static str,
    /// From a raw sample to the model's input; `None` where there is only one reference.
    prepare: Option<fn(&Array) -> Array>,
    /// Least parts of a thousand of answers that are the same, and of bytes that are so within one.
    least: [usize; 2],
}

const LEAST: [usize; 2] = [995, 990];

/// Operators that may stand in a model of bytes alone: products, sums and functions of bytes, and moves.
const OF_BYTES: [&str; 9] =
    ["qconv2d", "qdepthwise_conv2d", "qfully_connected", "qbinary", "qpool2d", "qsoftmax", "table", "copy", "pad"];

fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models").join(name);
    if !folder.is_dir() {
        println!("skipped: ../shared/models/{name} is absent");
        return None;
    }
    Some(folder)
}

fn bytes(array: &Array) -> Vec<i128> {
    match array.values() {
        Values::Int(values) => values,
        other => panic!("integers are expected, not {other:?}"),
    }
}

/// How often outputs agree.
#[derive(Default)]
struct Agreement {
    samples: usize,
    same_answer: usize,
    values: usize,
    equal: usize,
    near: usize,
}

impl Agreement {
    fn count(&mut self, got: &Array, wanted: &Array) {
        let (got, wanted) = (bytes(got), bytes(wanted));
        assert_eq!(got.len(), wanted.len());
        let greatest = |values: &[i128]| (0..values.len()).rev().max_by_key(|&i| values[i]);
        self.samples += 1;
        self.same_answer += usize::from(greatest(&got) == greatest(&wanted));
        self.values += got.len();
        self.equal += got.iter().zip(&wanted).filter(|(g, w)| g == w).count();
        self.near += got.iter().zip(&wanted).filter(|(g, w)| (*g - *w).abs() <= 1).count();
    }

    fn check(&self, name: &str, [answers, bytes]: [usize; 2]) {
        let Self { samples, same_answer, values, equal, near } = *self;
        println!("{name}: {same_answer} of {samples} answers, {equal} of {values} bytes, {near} within one");
        assert!(
            samples > 0 && same_answer * 1000 >= samples * answers,
            "{name}: {same_answer} of {samples} answers agree"
        );
        assert!(near * 1000 >= values * bytes, "{name}: {near} of {values} bytes agree within one");
    }
}

fn check_steps(name: &str, report: &Report) {
    for step in &report.steps {
        assert!(OF_BYTES.contains(&step.op.as_str()), "{name}: step {} is a {}", step.index, step.op);
        assert!(["int8", "u8", "i8"].contains(&step.precision.as_str()), "{name}: {} in {}", step.op, step.precision);
    }
}

fn check(model: &Quantized) {
    let Some(folder) = folder(model.folder) else { return };
    let name = model.folder;
    let options = CompileOptions { forbid_fallback: true, ..CompileOptions::default() };
    let compiled =
        engine::compile(&folder.join("model_int8_qdq.onnx"), &options).unwrap_or_else(|e| panic!("{name}: {e}"));
    check_steps(name, &compiled.report);
    let plan = engine::aligned(&compiled.plan);
    let mut runner = Runner::new(&plan, None).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (inputs, wanted) = (npz::read(&folder.join("ref_int8_in.npz")), npz::read(&folder.join("ref_int8_out.npz")));
    let mut agreement = Agreement::default();
    let mut run = |x: &Array, wanted: &Array| {
        let got = runner.run(&[(&inputs[0].0, x)]).unwrap_or_else(|e| panic!("{name}: {e}"));
        agreement.count(&got[0].1, wanted);
    };
    run(&inputs[0].1, &wanted[0].1);
    if let Some(prepare) = model.prepare {
        let (samples, wanted) = (npz::read(&folder.join("eval.npz")), npz::read(&folder.join("eval_ref_int8.npz")));
        let samples = npz::named(&samples, "x");
        for i in 0..samples.shape[0] {
            run(&prepare(&samples.row(i)), &wanted[0].1.row(i));
        }
    }
    agreement.check(name, model.least);
}

fn signed(shape: &[usize], values: impl IntoIterator<Item = i8>) -> Array {
    let bytes = values.into_iter().map(|value| value as u8).collect();
    Array { dtype: DType::I8, shape: shape.to_vec(), bytes }
}

/// Pixels less 128.
fn centred(x: &Array) -> Array {
    signed(&x.shape, x.bytes.iter().map(|&pixel| (pixel ^ 0x80) as i8))
}

/// Features with the scale and zero point of the model's input.
fn features(x: &Array) -> Array {
    let byte = |v: f64| ((v as f32 / 0.391_015_23).round_ties_even() + 89.0).clamp(-128.0, 127.0) as i8;
    signed(&x.shape, engine::floats(x).into_iter().map(byte))
}

#[test]
fn an_autoencoder_answers_as_the_reference() {
    check(&Quantized { folder: "mlperf_ad_fcae", prepare: Some(features), least: LEAST });
}

#[test]
fn a_residual_network_answers_as_the_reference() {
    check(&Quantized { folder: "mlperf_ic_resnet8", prepare: Some(centred), least: LEAST });
}

#[test]
fn a_network_of_sounds_answers_as_the_reference() {
    check(&Quantized { folder: "mlperf_kws_dscnn", prepare: Some(Array::clone), least: LEAST });
}

#[test]
fn a_small_mobile_network_answers_as_the_reference() {
    check(&Quantized { folder: "mlperf_vww_mobilenetv1_025", prepare: Some(centred), least: LEAST });
}

#[test]
fn weights_with_zero_points_answer_as_the_reference() {
    check(&Quantized { folder: "mobilenetv1_025_128", prepare: None, least: LEAST });
}

#[test]
fn a_mobile_network_answers_as_the_reference() {
    check(&Quantized { folder: "mobilenetv2_10_224", prepare: None, least: LEAST });
}
