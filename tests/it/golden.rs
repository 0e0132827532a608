//! The project's own models give onnxruntime's answers, and the accuracy that their cards state.

use std::path::PathBuf;

use coulter_compile::CompileOptions;
use coulter_exec::AlignedBytes;

use crate::arrays::{Array, Values};
use crate::engine::Runner;
use crate::{engine, npz};

/// Greatest difference from the stored output, relative to its greatest absolute value.
const TOLERANCE: f64 = 1e-4;

/// Folder, name of the input, name of the output.
pub const MODELS: [(&str, &str, &str); 4] = [
    ("diabetes_mlp", "features", "progression"),
    ("digits_cnn", "image", "logits"),
    ("digits_transformer", "rows", "logits"),
    ("sunspots_lstm", "years", "forecast"),
];

/// The file `name` of a model's folder.
pub fn file(model: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models").join(model).join(name)
}

/// A model's plan.
pub fn plan(model: &str) -> AlignedBytes {
    let options = CompileOptions { forbid_fallback: true, ..CompileOptions::default() };
    let compiled = engine::compile(&file(model, &format!("{model}.onnx")), &options);
    engine::aligned(&compiled.unwrap_or_else(|e| panic!("{model}: {e}")).plan)
}

#[test]
fn every_folder_is_listed() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    let entries = std::fs::read_dir(root).expect("models can be listed").flatten();
    let mut folders: Vec<String> = entries
        .filter(|e| e.path().join("model.toml").exists())
        .map(|e| e.file_name().to_string_lossy().into())
        .collect();
    folders.sort();
    assert_eq!(folders, MODELS.map(|(name, ..)| name));
}

#[test]
fn outputs_are_those_of_onnxruntime() {
    for (model, input, output) in MODELS {
        let golden = npz::read(&file(model, "golden.npz"));
        let (xs, ys) = (npz::named(&golden, input), npz::named(&golden, output));
        let plan = plan(model);
        let mut runner = Runner::new(&plan, None).expect("own models bind");
        for i in 0..xs.shape[0] {
            let got = runner.run(&[(input, &xs.row(i))]).expect("own models run");
            engine::assert_close(npz::named(&got, output), &ys.row(i), TOLERANCE, &format!("{model}, case {i}"));
        }
    }
}

/// Outputs for the held-out samples, with what is true of them.
fn held_out(model: &str, input: &str, output: &str) -> (Vec<Vec<f64>>, Vec<f64>) {
    let eval = npz::read(&file(model, "eval.npz"));
    let (xs, ys) = (npz::named(&eval, "x"), npz::named(&eval, "y"));
    let plan = plan(model);
    let mut runner = Runner::new(&plan, None).expect("own models bind");
    let run = |i| engine::floats(npz::named(&runner.run(&[(input, &xs.row(i))]).expect("own models run"), output));
    ((0..xs.shape[0]).map(run).collect(), numbers(ys))
}

fn numbers(array: &Array) -> Vec<f64> {
    match array.values() {
        Values::Float(values) => values,
        Values::Int(values) => values.into_iter().map(|v| v as f64).collect(),
        Values::Text(_) => panic!("text is no number"),
    }
}

fn accuracy(model: &str, input: &str) -> f64 {
    let (outputs, labels) = held_out(model, input, "logits");
    let right = outputs.iter().zip(&labels).filter(|(o, y)| engine::argmax(o) as f64 == **y).count();
    right as f64 / labels.len() as f64
}

#[test]
fn accuracy_is_that_of_the_cards() {
    assert_eq!(format!("{:.3}", accuracy("digits_cnn", "image")), "0.993");
    assert_eq!(format!("{:.3}", accuracy("digits_transformer", "rows")), "0.980");

    let (outputs, truth) = held_out("diabetes_mlp", "features", "progression");
    let squares: f64 = outputs.iter().zip(&truth).map(|(o, y)| (o[0] - y).powi(2)).sum();
    assert_eq!(format!("{:.1}", (squares / truth.len() as f64).sqrt()), "55.0");

    let (outputs, truth) = held_out("sunspots_lstm", "years", "forecast");
    let errors: f64 = outputs.iter().zip(&truth).map(|(o, y)| (o[0] - y).abs()).sum();
    assert_eq!(format!("{:.1}", errors / truth.len() as f64), "18.1");
}
