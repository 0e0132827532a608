//! Binds plans.

use coulter_exec::threads::ThreadPool;
use coulter_exec::{BindError, External, Resolver, RunError, Session, SessionOptions};
use coulter_kernels::{IsaSet, Parallel, SingleThread};
use coulter_plan::{OpCode, Plan};

use crate::environment;
use crate::error::{CliError, Result};
use crate::flags::RunFlags;
use crate::model::Model;

/// What a session borrows.
pub struct Engine {
    /// Instruction sets in use.
    pub isas: IsaSet,
    pool: Option<ThreadPool>,
    external: Option<Box<dyn External>>,
    resolver: Resolver,
}

impl Engine {
    /// Prepares threads, kernels and, where it is allowed, the fallback runtime.
    ///
    /// # Errors
    /// When the plan has fallback steps that may not or cannot be run.
    pub fn new(plan: &Plan<'_>, threads: usize, allow_fallback: bool) -> Result<Self> {
        let falls_back = plan.steps().any(|s| s.code == OpCode::Fallback);
        let external = if falls_back { external(allow_fallback)? } else { None };
        let pool = if threads > 1 { Some(ThreadPool::new(threads)) } else { None };
        let pool = pool.transpose().map_err(|e| CliError::failed(format!("cannot start {threads} threads: {e}")))?;
        Ok(Self { isas: environment::isas()?, pool, external, resolver: Resolver::ALL })
    }

    /// As the flags say; sub-models of a plan compiled here may be opened.
    ///
    /// # Errors
    /// See [`Engine::new`].
    pub fn of(model: &Model, plan: &Plan<'_>, flags: &RunFlags) -> Result<Self> {
        Self::new(plan, flags.threads.into(), flags.allow_fallback || model.trusted)
    }

    /// Binds a plan.
    ///
    /// # Errors
    /// Why it cannot be bound.
    pub fn bind<'e>(&'e mut self, plan: Plan<'e>) -> Result<Session<'e>> {
        let parallel: &dyn Parallel = match &self.pool {
            Some(pool) => pool,
            None => &SingleThread,
        };
        let external: Option<&mut dyn External> = match &mut self.external {
            Some(external) => Some(external.as_mut()),
            None => None,
        };
        let options = SessionOptions { resolver: self.resolver, isas: self.isas, parallel, external };
        Session::new(plan, options).map_err(|e| unbound(&plan, e))
    }
}

#[cfg(feature = "compile")]
fn external(allowed: bool) -> Result<Option<Box<dyn External>>> {
    if allowed {
        return Ok(Some(Box::<coulter_fallback::Tract>::default()));
    }
    Err(CliError::failed("the plan has steps that tract-core runs, and its sub-models are opened only on request")
        .hint("pass --allow-fallback if you trust this plan, or compile the model with --no-fallback"))
}

#[cfg(not(feature = "compile"))]
fn external(_: bool) -> Result<Option<Box<dyn External>>> {
    Err(CliError::failed("the plan has steps that tract-core runs, which this program does not contain")
        .hint("run it with the full coulter, or compile the model with --no-fallback"))
}

fn unbound(plan: &Plan<'_>, error: BindError) -> CliError {
    let step = match error {
        BindError::Unresolved { step, .. }
        | BindError::NoExternal { step }
        | BindError::External { step }
        | BindError::Unsupported { step, .. } => plan.step(step).name,
        _ => "",
    };
    let node = if step.is_empty() { String::new() } else { format!(" (node {step})") };
    CliError::failed(format!("the plan cannot be bound: {error}{node}"))
}

/// A failed run, for a person.
pub fn failed(plan: &Plan<'_>, error: RunError) -> CliError {
    let name = plan.step(error.step).name;
    CliError::failed(format!("{error} (node {name})"))
}
