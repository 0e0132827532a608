//! From `--input` to the arrays of every run.

use std::path::{Path, PathBuf};

use coulter_exec::Session;
use coulter_pipeline::samples::{self, InputPort};
use coulter_pipeline::{Array, Description, InputKind, Raw, read};
use coulter_plan::Plan;

use crate::error::{CliError, Result};

/// Inputs of all runs.
pub struct Inputs {
    /// For each run the arrays of every graph input.
    pub runs: Vec<Vec<Array>>,
    /// Whether runs are parts of one array's leading axis, so that outputs are joined along theirs.
    pub along_batch: bool,
}

/// A file, and the input that it is for where that is told.
struct Source {
    input: Option<String>,
    raw: Raw,
}

impl Inputs {
    /// Reads the files and cuts them into runs.
    ///
    /// # Errors
    /// When a file cannot be read, or an input gets nothing or something else than it takes.
    pub fn read(plan: &Plan<'_>, description: &Description, files: &[PathBuf]) -> Result<Self> {
        let sources = files.iter().map(|f| open(plan, f)).collect::<Result<Vec<_>>>()?;
        let mut all = Vec::new();
        for port in plan.inputs() {
            let shape = samples::shape_of(&port);
            let of = InputPort { name: port.name, dtype: port.tensor.dtype, shape: &shape };
            let source = source_for(&sources, plan, description, port.name)?;
            all.push(samples::of(&source.raw, &of, description, plan.input_count() == 1)?);
        }
        let count = all.iter().map(|s| s.arrays.len()).max().unwrap_or(1);
        for (port, samples) in plan.inputs().zip(&all) {
            let found = samples.arrays.len();
            if found != count && found != 1 {
                return Err(CliError::failed(format!("input {} has {found} samples, another has {count}", port.name)));
            }
        }
        let run = |i: usize| all.iter().map(|s| s.arrays[i.min(s.arrays.len() - 1)].clone()).collect();
        let along_batch = all.iter().any(|s| s.along_batch && s.arrays.len() == count);
        Ok(Self { runs: (0..count).map(run).collect(), along_batch })
    }
}

/// Copies the arrays of a run into a session.
pub fn fill(session: &mut Session<'_>, arrays: &[Array]) {
    for (i, array) in arrays.iter().enumerate() {
        session.input_mut(i).copy_from_slice(&array.bytes);
    }
}

/// Opens `FILE`, `NAME=FILE` where NAME is an input, or `-`.
fn open(plan: &Plan<'_>, file: &Path) -> Result<Source> {
    if file.as_os_str() == "-" {
        return Ok(Source { input: None, raw: read::from_bytes(std::io::stdin().lock())? });
    }
    let text = file.to_string_lossy();
    if let Some((name, path)) = text.split_once('=').filter(|(name, _)| plan.inputs().any(|p| p.name == *name)) {
        return Ok(Source { input: Some(name.to_owned()), raw: read::open(Path::new(path))? });
    }
    Ok(Source { input: None, raw: read::open(file)? })
}

fn source_for<'s>(
    sources: &'s [Source],
    plan: &Plan<'_>,
    description: &Description,
    input: &str,
) -> Result<&'s Source> {
    let named = sources.iter().find(|s| s.input.as_deref() == Some(input));
    let kind = description.input(input).map_or(InputKind::Tensor, |d| d.kind);
    let holds = |raw: &Raw| matches!(raw, Raw::Arrays(arrays) if arrays.iter().any(|(n, _)| n == input));
    let unnamed = || sources.iter().filter(|s| s.input.is_none());
    let found = named
        .or_else(|| unnamed().find(|s| holds(&s.raw)))
        .or_else(|| unnamed().find(|s| kind != InputKind::Tensor && samples::suits(&s.raw, kind)))
        .or_else(|| if plan.input_count() == 1 { unnamed().next() } else { None });
    found.ok_or_else(|| {
        let names: Vec<&str> = plan.inputs().map(|p| p.name).collect();
        CliError::failed(format!("nothing is given for input {input}")).hint(format!(
            "the model's inputs are {}: give an .npz with these arrays, or --input {input}=FILE",
            names.join(", ")
        ))
    })
}
