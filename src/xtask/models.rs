//! The models whose answers are compared across processors.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Result};

/// A model.
pub struct Model {
    /// Its folder.
    pub folder: &'static str,
    /// Its file there.
    pub file: &'static str,
    /// How it is computed.
    pub arithmetic: Arithmetic,
}

/// What a model's plan computes with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// Bytes, as the model was trained.
    Bytes,
    /// The same, convolutions in tiles: the answers are those of [`Arithmetic::Bytes`].
    Tiles,
    /// Bytes, calibrated on a file of the folder.
    Calibrated(&'static str),
    /// 32-bit floats: answers within the plan's tolerance.
    Floats,
}

use Arithmetic::{Bytes, Calibrated, Floats, Tiles};

const fn model(folder: &'static str, file: &'static str, arithmetic: Arithmetic) -> Model {
    Model { folder, file, arithmetic }
}

/// The project's own.
const OWN: [Model; 6] = [
    model("diabetes_mlp", "diabetes_mlp.onnx", Calibrated("eval.npz")),
    model("digits_cnn", "digits_cnn.onnx", Calibrated("eval.npz")),
    model("digits_transformer", "digits_transformer.onnx", Calibrated("eval.npz")),
    model("sunspots_lstm", "sunspots_lstm.onnx", Floats),
    model("digits_cnn", "digits_cnn.onnx", Floats),
    model("digits_transformer", "digits_transformer.onnx", Floats),
];

/// Published ones, where they lie beside the checkout.
const PUBLISHED: [Model; 13] = [
    model("mlperf_ad_fcae", "model_int8_qdq.onnx", Bytes),
    model("mlperf_ic_resnet8", "model_int8_qdq.onnx", Bytes),
    model("mlperf_ic_resnet8", "model_int8_qdq.onnx", Tiles),
    model("mlperf_kws_dscnn", "model_int8_qdq.onnx", Bytes),
    model("mlperf_vww_mobilenetv1_025", "model_int8_qdq.onnx", Bytes),
    model("mobilenetv1_025_128", "model_int8_qdq.onnx", Bytes),
    model("mobilenetv2_10_224", "model_int8_qdq.onnx", Bytes),
    model("cifar_resnet20", "model.onnx", Calibrated("ref_in.npz")),
    model("mnist_cntk", "model.onnx", Calibrated("ref_in.npz")),
    model("ultraface_rfb320", "model.onnx", Calibrated("ref_in.npz")),
    model("squeezenet_v11", "model.onnx", Calibrated("ref_in.npz")),
    model("mlperf_ic_resnet8", "model.onnx", Floats),
    model("mlperf_kws_dscnn", "model.onnx", Floats),
];

/// What firmware is built for: one of the project's own, and MLPerf Tiny's.
const FOR_FIRMWARE: [(&str, Arithmetic); 5] = [
    ("digits_cnn", Calibrated("eval.npz")),
    ("mlperf_ad_fcae", Bytes),
    ("mlperf_kws_dscnn", Bytes),
    ("mlperf_ic_resnet8", Bytes),
    ("mlperf_vww_mobilenetv1_025", Bytes),
];

/// The folder of published models beside the checkout.
fn published() -> PathBuf {
    process::root().join("../shared/models")
}

/// Models that are there, each with its folder's path; says so where the published ones are not.
pub fn present() -> Vec<(&'static Model, PathBuf)> {
    let own = OWN.iter().map(|model| (model, process::root().join("models").join(model.folder)));
    let beside = published();
    if !beside.is_dir() {
        println!("skipped: ../shared/models is absent");
    }
    let all = own.chain(PUBLISHED.iter().map(|model| (model, beside.join(model.folder))));
    all.filter(|(model, folder)| folder.join(model.file).is_file()).collect()
}

/// Those of [`present`] that firmware is built for.
pub fn for_firmware() -> Vec<(&'static Model, PathBuf)> {
    let is_small = |model: &Model| FOR_FIRMWARE.contains(&(model.folder, model.arithmetic));
    present().into_iter().filter(|(model, _)| is_small(model)).collect()
}

/// Builds `coulter`, and tells where it is.
///
/// # Errors
/// When it cannot be built.
pub fn compiler() -> Result<PathBuf> {
    process::run("cargo build", process::cargo().args(["build", "--quiet", "--bin", "coulter"]))?;
    Ok(process::target_dir().join("debug/coulter"))
}

impl Model {
    /// Compiles it, from its folder, into a plan; `more` are further arguments.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn compile(&self, coulter: &Path, folder: &Path, plan: &Path, more: &[&OsStr]) -> Result<()> {
        let mut command = Command::new(coulter);
        command.arg("compile").arg(folder.join(self.file)).arg("-o").arg(plan).args(self.options(folder)).args(more);
        let output = command.output().map_err(|e| format!("coulter: {e}"))?;
        let told = || format!("coulter compile {}: {}", self.folder, String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(told()) }
    }

    /// The name of its plan's file.
    pub fn plan(&self) -> String {
        let kind = match self.arithmetic {
            Floats => "f32",
            Tiles => "int8_tiles",
            Bytes | Calibrated(_) => "int8",
        };
        format!("{}_{kind}.plan", self.folder)
    }

    /// What `coulter compile` is told besides the file.
    fn options(&self, folder: &Path) -> Vec<PathBuf> {
        match self.arithmetic {
            Bytes | Floats => Vec::new(),
            Tiles => vec!["--winograd-int8".into()],
            // One way to choose ranges is enough here, and fast.
            Calibrated(samples) => {
                vec!["--int8".into(), "--ranges".into(), "minmax".into(), "--calibrate".into(), folder.join(samples)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_models_are_there_and_plans_have_names_of_their_own() {
        for model in &OWN {
            let folder = process::root().join("models").join(model.folder);
            assert!(folder.join(model.file).is_file(), "{}", model.folder);
        }
        let mut names: Vec<String> = OWN.iter().chain(&PUBLISHED).map(Model::plan).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
