//! Binds plans.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use coulter_exec::threads::ThreadPool;
use coulter_exec::{BindError, External, Resolver, RunError, Session, SessionOptions};
use coulter_kernels::{IsaSet, Parallel};
use coulter_plan::{OpCode, Plan};

use crate::error::{CliError, Result};
use crate::flags::RunFlags;
use crate::model::Model;
use crate::{environment, memory, suits};

/// What a session borrows.
pub struct Engine {
    /// Instruction sets in use.
    pub isas: IsaSet,
    /// Threads that compute; they may become fewer, and as many again, between two runs.
    pub threads: Arc<AtomicUsize>,
    workers: Workers,
    external: Option<Box<dyn External>>,
    resolver: Resolver,
}

impl Engine {
    /// Prepares threads, kernels and, where it is allowed, the fallback runtime.
    ///
    /// # Errors
    /// When the plan has fallback steps that may not or cannot be run.
    pub fn new(plan: &Plan<'_>, threads: usize, allow_fallback: bool) -> Result<Self> {
        suits::check(plan)?;
        let falls_back = plan.steps().any(|s| s.code == OpCode::Fallback);
        let external = if falls_back { external(allow_fallback)? } else { None };
        let pool = if threads > 1 { Some(ThreadPool::new(threads)) } else { None };
        let pool = pool.transpose().map_err(|e| CliError::failed(format!("cannot start {threads} threads: {e}")))?;
        let threads = Arc::new(AtomicUsize::new(threads.max(1)));
        let workers = Workers { pool, threads: Arc::clone(&threads) };
        Ok(Self { isas: environment::isas()?, threads, workers, external, resolver: Resolver::ALL })
    }

    /// Tells a person who runs a plan that was compiled for another machine.
    pub fn note(&self, plan: &Plan<'_>) {
        if let Some(note) = suits::note(plan, self.isas) {
            eprintln!("note: {note}");
        }
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
        memory::enough_for(&plan)?;
        let external: Option<&mut dyn External> = match &mut self.external {
            Some(external) => Some(external.as_mut()),
            None => None,
        };
        let options = SessionOptions { resolver: self.resolver, isas: self.isas, parallel: &self.workers, external };
        Session::new(plan, options).map_err(|e| unbound(&plan, e))
    }
}

/// A pool of which not all threads need to be used.
struct Workers {
    pool: Option<ThreadPool>,
    threads: Arc<AtomicUsize>,
}

impl Parallel for Workers {
    fn threads(&self) -> usize {
        let most = self.pool.as_ref().map_or(1, Parallel::threads);
        self.threads.load(Ordering::Relaxed).clamp(1, most)
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let threads = self.threads();
        match &self.pool {
            Some(pool) if threads == pool.threads() => pool.run(tasks, task),
            // As many tasks of the pool as threads may work, each doing what is left.
            Some(pool) if threads > 1 => {
                let next = AtomicUsize::new(0);
                let left = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&i| i < tasks);
                pool.run(threads.min(tasks), &|_| {
                    while let Some(i) = left() {
                        task(i)
                    }
                });
            }
            _ => (0..tasks).for_each(task),
        }
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
