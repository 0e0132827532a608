//! `coulter install`

use coulter_plan::Plan;
use coulter_repack::Form;
use serde_json::json;

use super::verify::{self, Proof};
use crate::error::{CliError, Result};
use crate::files::Staged;
use crate::flags::{CompileFlags, InstallArgs};
use crate::model::Model;
use crate::output::{self, say};
use crate::repack::{Packed, packed};
use crate::{environment, map, memory, suits};

/// Proves a plan on this machine, and puts it in its place whole.
///
/// The copy is proved as it lies on the disk, before it takes the place of what is there: its hash, every golden case
/// and every checksum. Where 8-bit convolutions have a form that is faster here, direct or in tiles, they are repacked before
/// that: no bit of any answer changes, which the golden cases show.
pub fn run(args: &InstallArgs, as_json: bool) -> Result<()> {
    if crate::model::is_onnx(&args.plan) {
        return Err(CliError::usage(format!("{} is an ONNX model", args.plan.display()))
            .hint("compile it first: coulter compile MODEL.onnx -o MODEL.plan --target BOARD"));
    }
    let model = Model::open(&args.plan, &CompileFlags::default(), false)?;
    let plan = model.plan(&args.plan)?;
    suits::check(&plan)?;
    memory::enough_for(&plan)?;
    #[cfg(feature = "compile")]
    if let Some(name) = &args.target {
        crate::target::accepts(&crate::target::board(name)?, &plan)?;
    }
    let is_folder = args.to.is_dir() || args.to.as_os_str().to_string_lossy().ends_with('/');
    let to = if is_folder { args.to.join(args.plan.file_name().unwrap_or_default()) } else { args.to.clone() };
    let failed = |e: std::io::Error| CliError::failed(format!("cannot write {}: {e}", to.display()));

    if !verify::is_whole(&plan) {
        return Err(verify::damaged(&args.plan));
    }
    let best = environment::isas()?.best();
    let repacked = if args.as_is { None } else { repacked(&plan, Form::preferred(best)) };
    let bytes = repacked.as_ref().map_or(plan.bytes(), |packed| &packed.bytes);
    let staged = Staged::write(&to, bytes).map_err(failed)?;
    let written = map::file(staged.file())?;
    let copy = Plan::parse(&written)
        .map_err(|e| CliError::failed(format!("what was written to {} is no plan: {e}", to.display())))?;
    let proof = Proof::of(&copy, args.allow_fallback)?;
    proof.demand(&args.plan, &copy)?;
    staged.commit().map_err(failed)?;

    let (cases, checked, steps) = (proof.cases.len(), proof.checked, copy.step_count());
    let repacked = repacked.as_ref().map_or(0, |packed| packed.steps);
    if as_json {
        output::json(&json!({
            "installed": to, "plan_bytes": copy.bytes().len(), "arena_bytes": copy.arena_bytes(),
            "golden_cases": cases, "steps": steps, "steps_checked": checked, "repacked": repacked > 0,
            "repacked_steps": repacked,
        }));
    } else {
        say!(
            "{}: {}, {} as the desk computed, {checked} of {steps} steps equal in every bit",
            to.display(),
            output::bytes(copy.bytes().len() as u64),
            output::plural(cases, "golden case")
        );
        if repacked > 0 {
            let was = output::bytes(plan.bytes().len() as u64);
            say!("{} repacked for {}, before: {was}", output::plural(repacked, "convolution"), best.name());
        }
    }
    if cases == 0 {
        eprintln!("note: the plan carries no golden vectors, so that nothing was computed to prove it");
    }
    Ok(())
}

/// The plan in this form, where that changes something, can be proved, and fits in what memory there is.
fn repacked(plan: &Plan<'_>, form: Form) -> Option<Packed> {
    if plan.golden_count() == 0 {
        return None;
    }
    let packed = packed(plan, form)?;
    let fits = Plan::parse(&packed.bytes).is_ok_and(|plan| memory::enough_for(&plan).is_ok());
    fits.then_some(packed)
}
