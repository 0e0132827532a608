//! `coulter verify`

use std::path::Path;

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
    // A damaged plan may no longer be a plan at all: that, too, is a check that does not hold.
    let plan = Plan::parse(&model.bytes).map_err(|e| broken(&args.plan, &e.to_string()))?;
    let proof = Proof::of(&plan, args.allow_fallback || model.trusted)?;
    if as_json {
        output::json(&json!({
            "ok": proof.holds(), "hash": proof.whole, "golden_cases": proof.cases.len(), "golden_wrong": proof.wrong(),
            "output_hash": output::hex(&proof.outputs), "exact": plan.golden_tolerance() == 0.0, "isas": proof.isas,
            "steps": plan.step_count(), "steps_checked": proof.checked, "first_wrong_step": proof.wrong_step,
        }));
    }
    proof.demand(&args.plan, &plan)?;
    if !as_json {
        let golden = output::plural(proof.cases.len(), "golden case");
        say!(
            "{}: hash holds, {golden} as the desk computed, {} of {} steps equal in every bit",
            args.plan.display(),
            proof.checked,
            plan.step_count()
        );
    }
    Ok(())
}

fn broken(place: &Path, why: &str) -> CliError {
    CliError::does_not_hold(format!("{} is not what was compiled: {why}", place.display()))
}

/// Whether a plan's bytes have the hash that it carries.
pub fn is_whole(plan: &Plan<'_>) -> bool {
    hash(plan.bytes()) == plan.stored_hash()
}

/// What to tell of a plan of which this is not so.
pub fn damaged(place: &Path) -> CliError {
    broken(place, "its bytes do not have the hash that it carries").hint("fetch or compile it again")
}

/// What a plan's hash and golden vectors say on this machine.
pub struct Proof {
    /// Whether the bytes have the hash that they carry; else nothing was run.
    whole: bool,
    /// What differs, for each golden case.
    pub cases: Vec<Option<Mismatch>>,
    wrong_step: Option<usize>,
    /// Steps with a checksum.
    pub checked: usize,
    /// SHA-256 of all outputs of all golden cases.
    outputs: [u8; 32],
    /// Names of the instruction sets in use.
    isas: Vec<&'static str>,
}

impl Proof {
    /// Hashes the plan and runs its golden cases.
    ///
    /// # Errors
    /// When it cannot be bound or run here.
    pub fn of(plan: &Plan<'_>, allow_fallback: bool) -> Result<Self> {
        let checked = plan.steps().filter(|step| plan.checksum(step.index).is_some_and(|sum| sum != 0)).count();
        let whole = is_whole(plan);
        let mut proof =
            Self { whole, cases: Vec::new(), wrong_step: None, checked, outputs: [0; 32], isas: Vec::new() };
        if proof.whole {
            let mut engine = Engine::new(plan, 1, allow_fallback)?;
            proof.isas.extend(engine.isas.iter().map(Isa::name));
            let mut outputs = Sha256::new();
            let mut session = engine.bind(*plan)?;
            for case in 0..plan.golden_count() {
                proof.cases.push(verify::golden(&mut session, case).map_err(|e| engine::failed(plan, e))?);
                (0..plan.output_count()).for_each(|i| outputs.update(session.output(i)));
            }
            proof.outputs = outputs.finalize().into();
            if !proof.cases.is_empty() {
                proof.wrong_step = verify::first_wrong_step(&mut session).map_err(|e| engine::failed(plan, e))?;
            }
        }
        Ok(proof)
    }

    fn wrong(&self) -> usize {
        self.cases.iter().filter(|case| case.is_some()).count()
    }

    fn holds(&self) -> bool {
        self.whole && self.wrong() == 0 && self.wrong_step.is_none()
    }

    /// Nothing where it holds.
    ///
    /// # Errors
    /// What does not hold.
    pub fn demand(&self, place: &Path, plan: &Plan<'_>) -> Result<()> {
        if !self.whole {
            return Err(damaged(place));
        }
        if let Some(index) = self.wrong_step {
            let step = plan.step(index);
            return Err(CliError::does_not_hold(format!(
                "step {index} ({}, {}) does not give the bytes that the desk computed: it is the first that differs",
                step.code.name(),
                step.name
            )));
        }
        match self.cases.iter().enumerate().find_map(|(case, differs)| Some((case, differs.as_ref()?))) {
            Some((case, mismatch)) => Err(differs(plan, case, mismatch)),
            None => Ok(()),
        }
    }
}

fn differs(plan: &Plan<'_>, case: usize, mismatch: &Mismatch) -> CliError {
    let name = plan.outputs().nth(mismatch.output).map(|p| p.name).unwrap_or_default();
    let (found, allowed) = (mismatch.difference, plan.golden_tolerance());
    CliError::does_not_hold(format!(
        "golden case {case}: output {name} differs by {found:.1e}, {allowed:.1e} is allowed"
    ))
}

/// SHA-256 of a plan's bytes with zeros in place of the hash.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&bytes[..HASH_RANGE.start]);
    hash.update([0; 32]);
    hash.update(&bytes[HASH_RANGE.end..]);
    hash.finalize().into()
}
