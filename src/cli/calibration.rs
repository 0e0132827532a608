//! Samples to calibrate 8-bit models on.

use std::path::{Path, PathBuf};

use coulter_compile::QuantizeOptions;
use coulter_pipeline::{Description, Raw, read};
use coulter_plan::Plan;
use serde_json::Value;

use crate::cache;
use crate::error::{CliError, Result};
use crate::flags::{CompileFlags, QuantizeFlags};
use crate::inputs::Inputs;
use crate::model;

/// Samples of a folder's files, in the order of their names.
struct Samples {
    runs: Vec<Vec<Vec<u8>>>,
    /// Name of the file that each comes from.
    names: Vec<String>,
    /// The right class of each, as far as the files tell.
    labels: Vec<usize>,
}

/// What the compiler needs for 8 bits, and the flags without what was meant for it: `--labels` may name classes, or
/// tell the right class of each sample.
///
/// # Errors
/// When files cannot be read or do not fit the model.
pub fn options(
    onnx: &Path,
    flags: &QuantizeFlags,
    others: &CompileFlags,
) -> Result<(Option<QuantizeOptions>, CompileFlags)> {
    let mut others = others.clone();
    let Some(place) = flags.calibrate.as_deref().filter(|_| flags.int8) else { return Ok((None, others)) };
    let truth = match &others.pipeline.labels {
        Some(path) => truth(path)?,
        None => None,
    };
    if truth.is_some() {
        others.pipeline.labels = None;
    }
    let bytes = cache::compiled(onnx, &others, true)?;
    let plan = Plan::parse(&bytes).map_err(CliError::failed)?;
    let description = model::description(&plan, &others.pipeline)?;
    let mut samples = Samples { runs: Vec::new(), names: Vec::new(), labels: Vec::new() };
    for file in files(place)? {
        samples.read(&plan, &description, &file)?;
        if samples.runs.len() >= flags.samples {
            break;
        }
    }
    samples.runs.truncate(flags.samples);
    if samples.runs.is_empty() {
        return Err(CliError::failed(format!("{} holds no samples", place.display())));
    }
    let labels = match truth {
        Some(truth) => truth.of(&samples.names)?,
        None => samples.labels,
    };
    let fits = labels.is_empty() || labels.len() >= samples.runs.len();
    if !fits {
        let (labels, samples) = (labels.len(), samples.runs.len());
        return Err(CliError::failed(format!("there are {labels} labels for {samples} samples")));
    }
    let options = QuantizeOptions {
        labels: labels.into_iter().take(samples.runs.len()).collect(),
        samples: samples.runs,
        ranges: flags.ranges.map(Into::into),
        max_drop: flags.max_drop,
        sensitivity: flags.sensitivity,
    };
    Ok((Some(options), others))
}

/// The file, or the files of the folder.
fn files(place: &Path) -> Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let failed = |e: std::io::Error| CliError::failed(format!("cannot read {}: {e}", place.display()));
    let entries = std::fs::read_dir(place).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    let known = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        ["npz", "npy", "png", "jpg", "jpeg", "wav", "csv"].contains(&ending.as_str())
    };
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(known).collect();
    files.sort();
    Ok(files)
}

impl Samples {
    fn read(&mut self, plan: &Plan<'_>, description: &Description, file: &Path) -> Result<()> {
        let runs = Inputs::read(plan, description, &[file.to_owned()])?.runs;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.names.extend(std::iter::repeat_n(name, runs.len()));
        self.runs.extend(runs.into_iter().map(|arrays| arrays.into_iter().map(|array| array.bytes).collect()));
        if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"))
            && let Raw::Arrays(arrays) = read::open(file)?
            && let Some((_, labels)) = arrays.iter().find(|(name, _)| name == "y")
            && plan.inputs().all(|port| port.name != "y")
        {
            self.labels.extend(classes(&labels.to_f64()).unwrap_or_default());
        }
        Ok(())
    }
}

/// The right classes.
enum Truth {
    InOrder(Vec<usize>),
    ByFile(serde_json::Map<String, Value>),
}

/// The right classes that a file tells; none if it is one of class names.
fn truth(path: &Path) -> Result<Option<Truth>> {
    let failed = |e: &dyn std::fmt::Display| CliError::failed(format!("cannot read {}: {e}", path.display()));
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if ending == "npy" {
        let Raw::Arrays(arrays) = read::open(path)? else { return Ok(None) };
        let array = arrays.first().ok_or_else(|| failed(&"it is empty"))?;
        let labels = classes(&array.1.to_f64()).ok_or_else(|| failed(&"labels are whole numbers from 0 on"))?;
        return Ok(Some(Truth::InOrder(labels)));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
    if ending == "json" {
        let whole = |values: &Vec<Value>| values.iter().map(class).collect::<Option<Vec<_>>>();
        return match serde_json::from_str(&text).map_err(|e| failed(&e))? {
            Value::Array(values) => Ok(whole(&values).map(Truth::InOrder)),
            Value::Object(by_file) => Ok(Some(Truth::ByFile(by_file))),
            _ => Err(failed(&"a list of classes, or an object from file names to classes, is expected")),
        };
    }
    let numbers: std::result::Result<Vec<usize>, _> = text.split_whitespace().map(str::parse).collect();
    Ok(numbers.ok().filter(|numbers| !numbers.is_empty()).map(Truth::InOrder))
}

fn class(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

fn classes(numbers: &[f64]) -> Option<Vec<usize>> {
    numbers.iter().map(|&n| (n >= 0.0 && n.fract() == 0.0).then_some(n as usize)).collect()
}

impl Truth {
    fn of(self, names: &[String]) -> Result<Vec<usize>> {
        let by_file = match self {
            Self::InOrder(labels) => return Ok(labels),
            Self::ByFile(by_file) => by_file,
        };
        let missing = |name: &String| CliError::failed(format!("--labels tells no class of {name}"));
        names.iter().map(|name| by_file.get(name).and_then(class).ok_or_else(|| missing(name))).collect()
    }
}
