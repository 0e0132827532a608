//! What a firmware is fed with, and what it has to answer.

use std::path::{Path, PathBuf};
use std::process::Command;

use coulter_pipeline::{Array, Raw, read};
use coulter_plan::DType;

use crate::models::Model;
use crate::process::Result;

/// Most samples that a firmware is given.
const COUNT: usize = 20;

/// Samples that were written.
pub struct Samples {
    pub count: usize,
    /// The outputs of all of them, as this machine computes them.
    pub wanted: Vec<u8>,
}

/// Writes the first samples of a model's evaluation set into the folder where its plan is, as `samples.bin`, and runs them
/// with the plan on this machine.
///
/// # Errors
/// When there are none, or they cannot be run.
pub fn write(coulter: &Path, model: &Model, source: &Path, folder: &Path) -> Result<Samples> {
    let array = first(&source.join("eval.npz"))?;
    let kind = super::constant(&folder.join("model.rs"), "INPUT_0_TYPE", "&str")?;
    let array = match (array.dtype, kind.as_str()) {
        (dtype, kind) if dtype.name() == kind => array,
        // Models that take pixels have a zero point of -128.
        (DType::U8, "i8") => Array { dtype: DType::I8, bytes: array.bytes.iter().map(|b| b ^ 0x80).collect(), ..array },
        (DType::F32, "i8") => quantized(&array, model.file, &source.join("meta.json"))?,
        (dtype, kind) => return Err(format!("{} samples for an input of {kind}: {}", dtype.name(), model.folder)),
    };
    let file = folder.join("samples.bin");
    std::fs::write(&file, &array.bytes).map_err(|e| format!("{}: {e}", file.display()))?;
    let (count, npz) = (array.shape[0], folder.join("samples.npz"));
    coulter_pipeline::write_npz(&npz, &[("x".into(), array)]).map_err(|e| e.to_string())?;
    Ok(Samples { count, wanted: outputs(coulter, folder, &npz)? })
}

/// The first samples of the array `x`.
fn first(file: &Path) -> Result<Array> {
    let arrays = arrays(file)?;
    let found = arrays.into_iter().find(|(name, _)| name == "x");
    let (_, mut array) = found.ok_or_else(|| format!("{} has no array x", file.display()))?;
    let all = array.shape.first().copied().filter(|&all| all > 0).ok_or("there are no samples")?;
    let count = all.min(COUNT);
    array.bytes.truncate(array.bytes.len() / all * count);
    array.shape[0] = count;
    Ok(array)
}

fn arrays(file: &Path) -> Result<Vec<(String, Array)>> {
    match read::open(file).map_err(|e| e.to_string())? {
        Raw::Arrays(arrays) => Ok(arrays),
        _ => Err(format!("{} holds no arrays", file.display())),
    }
}

/// Real numbers as the card, which has an entry for each file of the model, says that its input is quantized.
fn quantized(array: &Array, file: &str, card: &Path) -> Result<Array> {
    let text = std::fs::read(card).map_err(|e| format!("{}: {e}", card.display()))?;
    let card: Vec<serde_json::Value> = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    let entry = card.iter().find(|entry| entry["file"] == file).ok_or_else(|| format!("no card of {file}"))?;
    let number = |name: &str| entry["input_quant"][name].as_f64().ok_or_else(|| format!("no {name} of the input"));
    let (scale, zero) = (number("scale")?, number("zero_point")?);
    let byte = |x: f64| ((x / scale).round_ties_even() + zero).clamp(-128.0, 127.0) as i8 as u8;
    Ok(Array { dtype: DType::I8, shape: array.shape.clone(), bytes: array.to_f64().into_iter().map(byte).collect() })
}

/// What the plan answers here.
fn outputs(coulter: &Path, folder: &Path, samples: &Path) -> Result<Vec<u8>> {
    let answers: PathBuf = folder.join("outputs.npz");
    let mut command = Command::new(coulter);
    command.arg("run").arg(folder.join("model.plan")).arg("--input").arg(samples).arg("--output").arg(&answers);
    let output = command.output().map_err(|e| format!("coulter: {e}"))?;
    if !output.status.success() {
        return Err(format!("coulter run: {}", String::from_utf8_lossy(&output.stderr)));
    }
    match <[_; 1]>::try_from(arrays(&answers)?) {
        Ok([(_, array)]) => Ok(array.bytes),
        Err(arrays) => Err(format!("the model has {} outputs, of which one is compared", arrays.len())),
    }
}
