//! Real pre-trained models, where the folder with them lies beside the checkout.

use std::path::{Path, PathBuf};

use coulter_compile::CompileOptions;
use coulter_plan::DType;

use crate::arrays::Array;
use crate::engine::{self, Runner};
use crate::npz;

/// A model and what is expected of it.
struct Shared {
    /// Folder and file.
    folder: &'static str,
    file: &'static str,
    /// `ref` or `ref_…`: prefix of the archives with reference inputs and outputs.
    reference: &'static str,
    dims: &'static [(&'static str, usize)],
    /// Greatest difference from the reference, relative to its greatest absolute value.
    tolerance: f64,
    /// Whether a step in tract is a failure.
    native: bool,
    /// Whether weights of products are kept in 16 bits.
    f16_weights: bool,
    eval: Eval,
}

/// What labelled or unlabelled data there are.
enum Eval {
    None,
    /// Labelled samples: made from the raw array by `prepare`; the answer is the greatest output.
    Classes {
        data: &'static str,
        x: &'static str,
        prepare: fn(&Array) -> Array,
    },
    /// Arrays named as inputs, with labels; the answer is the greatest output.
    NamedClasses,
    /// Unlabelled samples: outputs are compared with the reference's.
    Outputs {
        inputs: &'static [(&'static str, &'static str)],
        constants: &'static [(&'static str, i64)],
    },
}

const MODEL: Shared = Shared {
    folder: "",
    file: "model.onnx",
    reference: "ref",
    dims: &[],
    tolerance: 1e-4,
    native: true,
    f16_weights: false,
    eval: Eval::None,
};
const TRANSFORMER: f64 = 5e-4;

fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models").join(name);
    if !folder.is_dir() {
        println!("skipped: ../shared/models/{name} is absent");
        return None;
    }
    Some(folder)
}

fn check(model: &Shared) {
    let Some(folder) = folder(model.folder) else { return };
    let name = model.folder;
    let dims = model.dims.iter().map(|(name, n)| (name.to_string(), *n)).collect();
    let (forbid_fallback, f16_weights) = (model.native, model.f16_weights);
    let options = CompileOptions { dims, forbid_fallback, f16_weights, ..CompileOptions::default() };
    let compiled = engine::compile(&folder.join(model.file), &options).unwrap_or_else(|e| panic!("{name}: {e}"));
    let plan = engine::aligned(&compiled.plan);
    let mut external = coulter_fallback::Tract::default();
    let mut runner = Runner::new(&plan, Some(&mut external)).unwrap_or_else(|e| panic!("{name}: {e}"));

    let archive = |part| npz::read(&folder.join(format!("{}_{part}.npz", model.reference)));
    let (inputs, wanted) = (archive("in"), archive("out"));
    let inputs: Vec<(&str, &Array)> = inputs.iter().map(|(n, a)| (n.as_str(), a)).collect();
    let got = runner.run(&inputs).unwrap_or_else(|e| panic!("{name}: {e}"));
    for (output, array) in &wanted {
        engine::assert_close(npz::named(&got, output), array, model.tolerance, &format!("{name}, {output}"));
    }
    match &model.eval {
        Eval::None => {}
        Eval::Classes { data, x, prepare } => {
            let data = npz::read(&folder.join(data));
            let xs = npz::named(&data, x);
            let input = inputs[0].0;
            let sample = |i| vec![(input.to_owned(), prepare(&xs.row(i)))];
            classes(model, &folder, &mut runner, npz::named(&data, "y"), sample);
        }
        Eval::NamedClasses => {
            let data = npz::read(&folder.join("eval.npz"));
            let typed = |(name, array): &(&str, &Array), i| {
                (name.to_string(), as_type(&npz::named(&data, name).row(i), array.dtype))
            };
            let sample = |i| inputs.iter().map(|input| typed(input, i)).collect();
            classes(model, &folder, &mut runner, npz::named(&data, "y"), sample);
        }
        Eval::Outputs { inputs, constants } => outputs(model, &folder, &mut runner, inputs, constants),
    }
}

/// The number of right answers is the reference's, within one sample.
fn classes(
    model: &Shared,
    folder: &Path,
    runner: &mut Runner<'_>,
    labels: &Array,
    sample: impl Fn(usize) -> Vec<(String, Array)>,
) {
    let reference = npz::read(&folder.join("eval_ref_f32.npz"));
    let reference = &reference.iter().find(|(_, a)| a.shape.len() == 2).expect("the reference's outputs").1;
    let labels = labels.values().integers();
    let (mut ours, mut theirs) = (0_i32, 0_i32);
    for (i, &label) in labels.iter().enumerate() {
        let arrays = sample(i);
        let inputs: Vec<(&str, &Array)> = arrays.iter().map(|(n, a)| (n.as_str(), a)).collect();
        let got = runner.run(&inputs).unwrap_or_else(|e| panic!("{}, sample {i}: {e}", model.folder));
        ours += i32::from(engine::argmax(&engine::floats(&got[0].1)) as i128 == label);
        theirs += i32::from(engine::argmax(&engine::floats(&reference.row(i))) as i128 == label);
    }
    println!("{}: {ours} of {} right, the reference {theirs}", model.folder, labels.len());
    assert!((ours - theirs).abs() <= 1, "{}: {ours} of {} right, the reference {theirs}", model.folder, labels.len());
}

/// Every output is the reference's, within the model's tolerance of the output's greatest value over all samples.
fn outputs(model: &Shared, folder: &Path, runner: &mut Runner<'_>, names: &[(&str, &str)], constants: &[(&str, i64)]) {
    let data = npz::read(&folder.join("eval.npz"));
    let reference = npz::read(&folder.join("eval_ref_f32.npz"));
    let scalar = |v: i64| Array { dtype: DType::I64, shape: Vec::new(), bytes: v.to_le_bytes().to_vec() };
    let constants: Vec<(&str, Array)> = constants.iter().map(|&(n, v)| (n, scalar(v))).collect();
    let count = npz::named(&data, names[0].1).shape[0];
    let mut all: Vec<(String, Vec<f64>)> = Vec::new();
    for i in 0..count {
        let rows: Vec<(&str, Array)> =
            names.iter().map(|&(n, key)| (n, batch_one(npz::named(&data, key), i))).collect();
        let inputs: Vec<(&str, &Array)> = rows.iter().chain(&constants).map(|(n, a)| (*n, a)).collect();
        let got = runner.run(&inputs).unwrap_or_else(|e| panic!("{}, sample {i}: {e}", model.folder));
        for (name, array) in got {
            match all.iter_mut().find(|(n, _)| *n == name) {
                Some((_, values)) => values.extend(engine::floats(&array)),
                None => all.push((name, engine::floats(&array))),
            }
        }
    }
    for (name, values) in all {
        let difference = engine::relative_difference(&values, &engine::floats(npz::named(&reference, &name)));
        assert!(difference <= model.tolerance, "{}, {name}: outputs differ by {difference:.2e}", model.folder);
    }
}

/// Sample `i`: with the leading axis kept as the batch where the model has one there, dropped where it is the
/// second (states of recurrent layers).
fn batch_one(array: &Array, i: usize) -> Array {
    let mut row = array.row(i);
    if row.shape.len() == 4 {
        row.shape.remove(0);
    }
    row
}

fn as_type(array: &Array, dtype: DType) -> Array {
    if array.dtype == dtype {
        return array.clone();
    }
    assert_eq!(dtype, DType::I64, "only integers are converted");
    let bytes = array.values().integers().iter().flat_map(|&v| (v as i64).to_le_bytes()).collect();
    Array { dtype, shape: array.shape.clone(), bytes }
}

fn f32_array(shape: &[usize], values: impl IntoIterator<Item = f32>) -> Array {
    let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    Array { dtype: DType::F32, shape: shape.to_vec(), bytes }
}

/// Elements as they are.
fn plain(x: &Array) -> Array {
    match x.dtype {
        DType::F32 => x.clone(),
        _ => f32_array(&x.shape, x.values().integers().iter().map(|&v| v as f32)),
    }
}

/// Elements divided by 255.
fn unit(x: &Array) -> Array {
    f32_array(&x.shape, x.values().integers().iter().map(|&v| v as f32 / 255.0))
}

/// One grey channel in front.
fn grey(x: &Array) -> Array {
    let [n, h, w] = x.shape[..] else { panic!("grey images are [N, H, W]") };
    f32_array(&[n, 1, h, w], x.values().integers().iter().map(|&v| v as f32))
}

/// RGB [1, H, W, 3] in bytes, normalized as for ImageNet, channels in front.
fn imagenet_nchw(x: &Array) -> Array {
    const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const STD: [f32; 3] = [0.229, 0.224, 0.225];
    let [n, h, w, c] = x.shape[..] else { panic!("images are [N, H, W, C]") };
    let pixels = &x.bytes;
    let value = |channel: usize, i: usize| (f32::from(pixels[i * c + channel]) / 255.0 - MEAN[channel]) / STD[channel];
    f32_array(&[n, c, h, w], (0..c).flat_map(|channel| (0..h * w).map(move |i| value(channel, i))).collect::<Vec<_>>())
}

/// MFCC as the int8 twin's input, with that one's scale and zero point.
fn mfcc(x: &Array) -> Array {
    f32_array(&x.shape, x.values().integers().iter().map(|&q| (q as f32 - 83.0) * 0.584_702_9))
}

/// One test a model.
macro_rules! shared_models {
    ($($name:ident: $model:expr;)*) => { $(#[test] fn $name() { check(&$model); })* };
}

shared_models! {
    cifar_resnet20: Shared {
        folder: "cifar_resnet20",
        eval: Eval::Classes { data: "../data_cifar10/cifar10_test1000_u8.npz", x: "x", prepare: imagenet_nchw },
        ..MODEL
    };
    kwt1_speech_commands: Shared {
        folder: "kwt1_speech_commands",
        tolerance: TRANSFORMER,
        native: false,
        eval: Eval::NamedClasses,
        ..MODEL
    };
    minilm_l2_snips: Shared {
        folder: "minilm_l2_snips",
        dims: &[("batch", 1), ("seq", 32)],
        tolerance: TRANSFORMER,
        native: false,
        eval: Eval::NamedClasses,
        ..MODEL
    };
    mlperf_ad_fcae: Shared {
        folder: "mlperf_ad_fcae",
        eval: Eval::Outputs { inputs: &[("input", "x")], constants: &[] },
        ..MODEL
    };
    mlperf_ad_fcae_in_f16: Shared {
        folder: "mlperf_ad_fcae",
        // onnxruntime, given the rounded weights, is off by 8.6e-3.
        tolerance: 1e-2,
        f16_weights: true,
        eval: Eval::Outputs { inputs: &[("input", "x")], constants: &[] },
        ..MODEL
    };
    mlperf_ic_resnet8: Shared {
        folder: "mlperf_ic_resnet8",
        eval: Eval::Classes { data: "eval.npz", x: "x", prepare: plain },
        ..MODEL
    };
    mlperf_kws_dscnn: Shared {
        folder: "mlperf_kws_dscnn",
        eval: Eval::Classes { data: "eval.npz", x: "x", prepare: mfcc },
        ..MODEL
    };
    mlperf_vww_mobilenetv1_025: Shared {
        folder: "mlperf_vww_mobilenetv1_025",
        eval: Eval::Classes { data: "eval.npz", x: "x", prepare: unit },
        ..MODEL
    };
    mnist_cntk: Shared {
        folder: "mnist_cntk",
        eval: Eval::Classes { data: "eval.npz", x: "x", prepare: grey },
        ..MODEL
    };
    mnist_cntk_as_published: Shared { folder: "mnist_cntk", file: "model_as_published.onnx", ..MODEL };
    mobilenetv1_025_128: Shared { folder: "mobilenetv1_025_128", ..MODEL };
    mobilenetv2_10_224: Shared { folder: "mobilenetv2_10_224", ..MODEL };
    silero_vad_16k: Shared {
        folder: "silero_vad_16k",
        dims: &[("batch", 1), ("sequence", 576)],
        native: false,
        eval: Eval::Outputs { inputs: &[("input", "input"), ("state", "state")], constants: &[("sr", 16_000)] },
        ..MODEL
    };
    silero_vad_16k_static: Shared {
        folder: "silero_vad_16k",
        file: "model_static_lstm.onnx",
        reference: "ref_static",
        native: false,
        eval: Eval::Outputs { inputs: &[("input", "input"), ("state", "state")], constants: &[] },
        ..MODEL
    };
    squeezenet_v11: Shared { folder: "squeezenet_v11", ..MODEL };
    ultraface_rfb320: Shared { folder: "ultraface_rfb320", ..MODEL };
    ultraface_rfb320_simplified: Shared {
        folder: "ultraface_rfb320",
        file: "model_simplified.onnx",
        reference: "ref_simplified",
        ..MODEL
    };
}
