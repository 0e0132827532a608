//! Whether a plan suits the program and the machine that are to run it.

use coulter_kernels::{Isa, IsaSet};
use coulter_plan::Plan;
use coulter_plan::format::PACKING;
use serde::Deserialize;

use crate::error::{CliError, Result};

/// What the metadata tell of where a plan shall run.
#[derive(Debug, Default, Deserialize)]
struct Told {
    #[serde(default)]
    compiler: String,
    #[serde(default)]
    report: Report,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Debug, Default, Deserialize)]
struct Report {
    packing: Option<String>,
}

/// The board that a plan was compiled for.
#[derive(Debug, Deserialize)]
pub struct Target {
    /// Its id.
    pub board: String,
    /// The instruction set that the plan was chosen for.
    pub isa: String,
}

fn told(plan: &Plan<'_>) -> Told {
    // What cannot be read tells nothing: the metadata are no part of what is computed.
    serde_json::from_str(plan.metadata()).unwrap_or_default()
}

/// The board that a plan was compiled for, if it was.
pub fn target(plan: &Plan<'_>) -> Option<Target> {
    told(plan).target
}

/// Refuses plans whose weights lie in another order than the kernels read.
///
/// # Errors
/// Which order, and how to compile again.
pub fn check(plan: &Plan<'_>) -> Result<()> {
    let Told { compiler, report, .. } = told(plan);
    match report.packing {
        Some(packing) if packing != PACKING => Err(CliError::failed(format!(
            "the plan's weights are packed as {packing:?} (by {compiler}), and this program reads {PACKING:?}"
        ))
        .hint(format!(
            "compile the model again with coulter {}: coulter compile {}.onnx -o {}.plan",
            env!("CARGO_PKG_VERSION"),
            plan.name(),
            plan.name()
        ))),
        _ => Ok(()),
    }
}

/// What to tell of a plan that was compiled for another processor than this one: it computes the same, but what was
/// chosen for that one need not be the fastest here.
pub fn note(plan: &Plan<'_>, isas: IsaSet) -> Option<String> {
    let Target { board, isa } = target(plan)?;
    let lacks = Isa::from_name(&isa).is_none_or(|isa| !isas.contains(isa));
    lacks.then(|| {
        format!(
            "the plan was compiled for {board} ({isa}), and this processor has {}: the answers are the same, but it may \
             take longer than a plan for this machine (coulter compile --target)",
            isas.best().name()
        )
    })
}
