//! One plan, the same bits: plans are compiled here, and answer here and on every emulated processor.
//!
//! What runs them is the runtime as it is shipped, in a folder with nothing but it and the plans, and without an
//! environment: it needs no file beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cross::{self, CPUS, Cpu};
use crate::dist;
use crate::models::{self, Arithmetic, Model};
use crate::process::{self, Counts, Result};
use crate::target::X86_64;

/// The instruction sets of this machine that plans are run with, as far as it has them.
const HERE: [&str; 5] = ["generic", "avx2", "avxvnni", "avx512", "avx512vnni"];
/// Most seconds of an emulated run.
const LIMIT: &str = "900";

/// A plan on a processor, with an instruction set as the cap.
struct Run<'a> {
    model: &'a Model,
    /// None for this machine.
    cpu: Option<&'a Cpu>,
    cap: &'static str,
}

/// What a run tells.
#[derive(Clone, Debug, Default)]
struct Outcome {
    /// Hash of all outputs, where all are exact; of others `verify` compares the exact steps, and the outputs within the
    /// plan's tolerance.
    hash: Option<String>,
    /// Instruction sets in use.
    isas: Vec<String>,
}

/// Compiles the plans and compares what the runtimes that were built for shipping answer; gives the number of runs that were right and wrong.
pub fn run() -> Result<Counts> {
    println!("== plans on emulated processors");
    let folder = cross::folder();
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let models = compile(&folder)?;

    let mut counts = Counts::default();
    let mut wanted: Vec<(&str, String)> = Vec::new();
    let here: Vec<Run<'_>> = models.iter().flat_map(|&model| HERE.map(|cap| Run { model, cpu: None, cap })).collect();
    for (run, outcome) in here.iter().zip(process::side_by_side(&here, |run| verify(run, &folder))) {
        let hash = outcome.as_ref().ok().and_then(|outcome| outcome.hash.clone());
        if let Some(hash) = hash.filter(|_| of(&wanted, run).is_none()) {
            wanted.push((run.model.folder, hash));
        }
        judge(run, &outcome, of(&wanted, run), &mut counts);
    }
    println!("this machine: {} plans, {} of them exact: {counts}", models.len(), wanted.len());

    for cpu in &CPUS {
        let run = |model: &'static Model| cpu.isas.iter().map(move |cap| Run { model, cpu: Some(cpu), cap });
        let runs: Vec<Run<'_>> = models.iter().flat_map(|&model| run(model)).collect();
        let mut of_cpu = Counts::default();
        let mut covered = Vec::new();
        for (run, outcome) in runs.iter().zip(process::side_by_side(&runs, |run| verify(run, &folder))) {
            judge(run, &outcome, of(&wanted, run), &mut of_cpu);
            covered.extend(outcome.into_iter().flat_map(|outcome| outcome.isas));
        }
        let covered: Vec<&str> = cpu.isas.iter().copied().filter(|isa| covered.iter().any(|c| c == isa)).collect();
        println!("{}: {} plans, {of_cpu}; covers {}", cpu.name, models.len(), covered.join(", "));
        counts += of_cpu;
    }
    Ok(counts)
}

/// The hash that a run has to give, if its outputs are exact.
fn of<'w>(wanted: &'w [(&str, String)], run: &Run<'_>) -> Option<&'w str> {
    let exact = run.model.arithmetic != Arithmetic::Floats;
    let found = wanted.iter().find(|(name, _)| exact && *name == run.model.folder);
    found.map(|(_, hash)| hash.as_str())
}

/// Compiles every model that is there.
fn compile(folder: &Path) -> Result<Vec<&'static Model>> {
    let coulter = models::compiler()?;
    let mut compiled = Vec::new();
    for (model, place) in models::present() {
        model.compile(&coulter, &place, &folder.join(model.plan()), &[])?;
        compiled.push(model);
    }
    Ok(compiled)
}

/// Verifies a plan with the runtime as it is shipped.
fn verify(run: &Run<'_>, folder: &Path) -> std::result::Result<Outcome, String> {
    let target = run.cpu.map_or(&X86_64, |cpu| cpu.target);
    let program: PathBuf = dist::folder(target).join("coulter-rt");
    let mut command = Command::new("timeout");
    command.arg(LIMIT);
    if let Some(cpu) = run.cpu {
        // Set for the program, not for the emulator.
        command.args([cpu.emulator, "-cpu", cpu.name, "-E", &format!("COULTER_ISA={}", run.cap)]);
    } else {
        command.args(["env", &format!("COULTER_ISA={}", run.cap)]);
    }
    command.arg(program).args(["verify", "--json", &run.model.plan()]).current_dir(folder);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.env_clear().env("PATH", path).output().map_err(|e| e.to_string())?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, errors.trim()));
    }
    let told: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("{e}: {errors}"))?;
    let isas = told["isas"].as_array().map(Vec::as_slice).unwrap_or_default();
    if told["golden_cases"] == 0 {
        return Err("the plan has no golden case".into());
    }
    let hash = told["output_hash"].as_str().filter(|_| told["exact"] == true).map(str::to_owned);
    if hash.is_none() && matches!(run.model.arithmetic, Arithmetic::Bytes | Arithmetic::Tiles) {
        return Err("not all outputs are exact".into());
    }
    let isas = isas.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(Outcome { hash, isas })
}

/// Counts a run, and tells what is wrong with it.
fn judge(run: &Run<'_>, outcome: &std::result::Result<Outcome, String>, wanted: Option<&str>, counts: &mut Counts) {
    let place = run.cpu.map_or("this machine", |cpu| cpu.name);
    let wrong = match (outcome, run.cpu) {
        (Err(why), _) => why.clone(),
        (Ok(outcome), _) if wanted.is_some() && wanted != outcome.hash.as_deref() => "other bits than here".into(),
        // A cap that the processor has is the best in use; this machine may lack it.
        (Ok(outcome), Some(_)) if outcome.isas.last().map(String::as_str) != Some(run.cap) => {
            format!("ran with {}", outcome.isas.join(", "))
        }
        _ => {
            counts.passed += 1;
            return;
        }
    };
    counts.failed += 1;
    println!("FAILED: {} on {place} with {}: {wrong}", run.model.plan(), run.cap);
}
