//! `coulter verify`

use coulter_exec::verify::{self, Mismatch};
use coulter_kernels::Isa;
use coulter_plan::{Plan, format::HASH_RANGE};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::engine::{self, Engine};
use crate::error::{CliError, Result};
use crate::flags::VerifyArgs;
use crate::model::Model;
use crate::output::{self, say};

/// Checks a plan's hash and replays its golden vectors on this machine.
pub fn run(args: &VerifyArgs, as_json: bool) -> Result<()> {
    let model = Model::open(&args.plan, &crate::flags::CompileFlags::default(), true)?;
    let place = args.plan.display();
    let broken = |why: String| CliError::does_not_hold(format!("{place} is not what was compiled: {why}"));
    // A damaged plan may no longer be a plan at all: that, too, is a check that does not hold.
    let plan = Plan::parse(&model.bytes).map_err(|e| broken(e.to_string()))?;
    let whole = hash(&plan) == plan.stored_hash();
    let (mut cases, mut wrong_step) = (Vec::new(), None);
    let (mut outputs, mut isas) = (Sha256::new(), Vec::new());
    if whole {
        let mut engine = Engine::new(&plan, 1, args.allow_fallback || model.trusted)?;
        isas.extend(engine.isas.iter().map(Isa::name));
        let mut session = engine.bind(plan)?;
        for case in 0..plan.golden_count() {
            cases.push(verify::golden(&mut session, case).map_err(|e| engine::failed(&plan, e))?);
            (0..plan.output_count()).for_each(|i| outputs.update(session.output(i)));
        }
        if !cases.is_empty() {
            wrong_step = verify::first_wrong_step(&mut session).map_err(|e| engine::failed(&plan, e))?;
        }
    }
    let wrong = cases.iter().filter(|c| c.is_some()).count();
    let checked = plan.steps().filter(|step| plan.checksum(step.index).is_some_and(|sum| sum != 0)).count();
    if as_json {
        let holds = whole && wrong == 0 && wrong_step.is_none();
        output::json(&json!({
            "ok": holds, "hash": whole, "golden_cases": cases.len(), "golden_wrong": wrong,
            "output_hash": output::hex(&outputs.finalize()), "exact": plan.golden_tolerance() == 0.0, "isas": isas,
            "steps": plan.step_count(), "steps_checked": checked, "first_wrong_step": wrong_step,
        }));
    }
    if !whole {
        return Err(broken("its bytes do not have the hash that it carries".into()).hint("fetch or compile it again"));
    }
    if let Some(index) = wrong_step {
        let step = plan.step(index);
        return Err(CliError::does_not_hold(format!(
            "step {index} ({}, {}) does not give the bytes that the desk computed: it is the first that differs",
            step.code.name(),
            step.name
        )));
    }
    if let Some((case, Some(mismatch))) = cases.iter().enumerate().find(|(_, c)| c.is_some()) {
        return Err(differs(&plan, case, mismatch));
    }
    if !as_json {
        let golden = output::plural(cases.len(), "golden case");
        say!(
            "{place}: hash holds, {golden} as the desk computed, {checked} of {} steps equal in every bit",
            plan.step_count()
        );
    }
    Ok(())
}

fn differs(plan: &Plan<'_>, case: usize, mismatch: &Mismatch) -> CliError {
    let name = plan.outputs().nth(mismatch.output).map(|p| p.name).unwrap_or_default();
    let (found, allowed) = (mismatch.difference, plan.golden_tolerance());
    CliError::does_not_hold(format!(
        "golden case {case}: output {name} differs by {found:.1e}, {allowed:.1e} is allowed"
    ))
}

/// SHA-256 of the file with zeros in place of the hash.
fn hash(plan: &Plan<'_>) -> [u8; 32] {
    let bytes = plan.bytes();
    let mut hash = Sha256::new();
    hash.update(&bytes[..HASH_RANGE.start]);
    hash.update([0; 32]);
    hash.update(&bytes[HASH_RANGE.end..]);
    hash.finalize().into()
}
