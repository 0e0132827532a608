//! From a path to a plan: ONNX files are compiled first, and kept.

use std::path::Path;

use coulter_pipeline::Description;
use coulter_plan::Plan;

use crate::error::{CliError, Result};
use crate::flags::{CompileFlags, PipelineFlags};
use crate::map::{self, PlanBytes};

/// A plan with what is known about where it comes from.
#[derive(Debug)]
pub struct Model {
    /// What a person calls it.
    pub name: String,
    /// The file.
    pub bytes: PlanBytes,
    /// Whether it was compiled by this program for this person: its sub-models may be opened.
    pub trusted: bool,
}

/// Whether a path is taken for an ONNX model.
pub fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx"))
}

impl Model {
    /// Opens a plan, or compiles an ONNX model; `cached` keeps what was compiled.
    ///
    /// # Errors
    /// When the file cannot be read or compiled.
    pub fn open(path: &Path, flags: &CompileFlags, cached: bool) -> Result<Self> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !is_onnx(path) {
            return Ok(Self { name, bytes: map::file(path)?, trusted: false });
        }
        Ok(Self { name, bytes: compiled(path, flags, cached)?, trusted: true })
    }

    /// The validated plan.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn plan(&self, path: &Path) -> Result<Plan<'_>> {
        Plan::parse(&self.bytes).map_err(|e| {
            CliError::failed(format!("{} is not a valid plan: {e}", path.display()))
                .hint(format!(
                    "compile the model again (coulter compile {name}.onnx -o {name}.plan), or fetch the plan again if it was \
                     copied",
                    name = self.name
                ))
        })
    }
}

#[cfg(not(feature = "compile"))]
fn compiled(path: &Path, _: &CompileFlags, _: bool) -> Result<PlanBytes> {
    Err(CliError::failed(format!("{} is an ONNX model, and this program only runs plans", path.display()))
        .hint("compile it with the full coulter: coulter compile MODEL.onnx -o MODEL.plan"))
}

#[cfg(feature = "compile")]
fn compiled(path: &Path, flags: &CompileFlags, cached: bool) -> Result<PlanBytes> {
    crate::cache::compiled(path, flags, cached)
}

/// The description in a plan, with what the flags say instead.
///
/// # Errors
/// When either is not valid.
pub fn description(plan: &Plan<'_>, flags: &PipelineFlags) -> Result<Description> {
    let base = Description::from_metadata(plan.metadata())?;
    let input = plan.inputs().next().map(|p| p.name.to_owned());
    let output = plan.outputs().next().map(|p| p.name.to_owned());
    flags.apply(base, input.as_deref(), output.as_deref())
}
