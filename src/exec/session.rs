//! A bound plan.

use coulter_kernels::{Element, IsaSet, Parallel, SingleThread};
use coulter_plan::format::ALIGN;
use coulter_plan::{OpCode, Plan, Port, Step};

use crate::arena::Memory;
use crate::bind::BindContext;
use crate::error::{BindError, RunError, RunErrorKind};
use crate::external::External;
use crate::resolver::Resolver;
use crate::store::Store;

#[cfg(test)]
mod tests;

/// How to bind.
pub struct SessionOptions<'r> {
    /// Operators that may be used.
    pub resolver: Resolver,
    /// Instruction sets that may be used.
    pub isas: IsaSet,
    /// Runs the kernels' tasks.
    pub parallel: &'r dyn Parallel,
    /// Runs fallback steps; none refuses plans that have them.
    pub external: Option<&'r mut dyn External>,
}

impl SessionOptions<'_> {
    /// These operators, generic kernels, one thread, no fallback.
    pub const fn new(resolver: Resolver) -> Self {
        Self { resolver, isas: IsaSet::GENERIC, parallel: &SingleThread, external: None }
    }
}

impl Default for SessionOptions<'_> {
    /// Every operator, generic kernels, one thread, no fallback.
    fn default() -> Self {
        Self::new(Resolver::ALL)
    }
}

/// What a running step may use.
pub(crate) struct RunContext<'a> {
    pub(crate) memory: Memory<'a>,
    pub(crate) parallel: &'a dyn Parallel,
    pub(crate) external: Option<&'a dyn External>,
    pub(crate) plan: &'a Plan<'a>,
}

/// Tells the time.
pub trait Clock {
    /// Nanoseconds since some fixed moment.
    fn now_ns(&self) -> u64;
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Progress {
    /// All steps have run; the outputs are there.
    Done,
    /// The run stopped before this step; the next call goes on there.
    Paused {
        /// Index of the next step.
        next: usize,
    },
}

/// Watches a run between its steps.
pub trait Observer {
    /// Called before each step; `false` pauses the run here.
    fn before(&mut self, step: usize) -> bool {
        let _ = step;
        true
    }

    /// Called after each step, with access to what it wrote.
    fn after(&mut self, step: &Step<'_>, values: &Values<'_, '_>) {
        let _ = (step, values);
    }
}

struct Unobserved;
impl Observer for Unobserved {}

/// Access to tensors between two steps.
pub struct Values<'s, 'a>(&'s RunContext<'a>);

impl Values<'_, '_> {
    /// Element type, dims and strides of a tensor, with its elements.
    pub fn view<T: Element>(&self, tensor: &coulter_plan::Tensor) -> coulter_kernels::View<'_, T> {
        self.0.memory.view(&crate::arena::Slot::new(tensor))
    }
}

/// A plan bound to memory and kernels.
pub struct Session<'m> {
    plan: Plan<'m>,
    store: Store<'m>,
    resolver: Resolver,
    isas: IsaSet,
    parallel: &'m dyn Parallel,
    external: Option<&'m dyn External>,
    next: usize,
}

impl<'m> Session<'m> {
    /// Binds to memory of the caller's: an arena of [`Plan::arena_bytes`] + [`Plan::state_bytes`] or more, aligned to
    /// [`ALIGN`]. State begins as zeros. All steps are bound here, so that what cannot be bound is an error now; nothing
    /// of them is kept, and each is bound again, on the stack, when it runs.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(plan: Plan<'m>, arena: &'m mut [u8], options: SessionOptions<'m>) -> Result<Self, BindError> {
        Self::with_store(plan, Store::Borrowed(arena), options)
    }

    /// Binds to memory on the heap, with a table of bound steps: nothing is allocated afterwards.
    ///
    /// # Errors
    /// See [`BindError`].
    #[cfg(feature = "alloc")]
    pub fn new(plan: Plan<'m>, options: SessionOptions<'m>) -> Result<Self, BindError> {
        let bytes = plan.arena_bytes().next_multiple_of(ALIGN) + plan.state_bytes();
        let steps = alloc::vec![crate::BoundStep::EMPTY; plan.step_count()].into_boxed_slice();
        Self::with_store(plan, Store::Owned(crate::AlignedBytes::zeroed(bytes), steps), options)
    }

    fn with_store(plan: Plan<'m>, store: Store<'m>, options: SessionOptions<'m>) -> Result<Self, BindError> {
        let SessionOptions { resolver, isas, parallel, mut external } = options;
        let mut session = Self { plan, store, resolver, isas, parallel, external: None, next: 0 };
        session.check_arena()?;
        for index in 0..plan.step_count() {
            session.bind_step(index, external.as_deref_mut())?;
        }
        session.external = external.map(|e| &*e);
        session.reset();
        Ok(session)
    }

    fn check_arena(&self) -> Result<(), BindError> {
        let arena = self.store.arena();
        let needed = self.plan.arena_bytes().next_multiple_of(ALIGN) + self.plan.state_bytes();
        if arena.len() < needed {
            return Err(BindError::ArenaTooSmall { needed, given: arena.len() });
        }
        if !(arena.as_ptr() as usize).is_multiple_of(ALIGN) {
            return Err(BindError::ArenaUnaligned);
        }
        Ok(())
    }

    /// Binds a step, and keeps it where there is a table. What it needs on the stack is gone when steps run.
    #[inline(never)]
    fn bind_step(&mut self, index: usize, external: Option<&mut (dyn External + 'm)>) -> Result<(), BindError> {
        let step = self.plan.step(index);
        let op = step.code;
        let unsupported = |cause| BindError::Unsupported { step: index, op, cause };
        if op == OpCode::Fallback {
            let external = external.ok_or(BindError::NoExternal { step: index })?;
            let blob = crate::ops::fallback::model(&self.plan, &step).map_err(unsupported)?;
            if !external.prepare(&step, blob) {
                return Err(BindError::External { step: index });
            }
        }
        let operator = self.resolver.find(op).ok_or(BindError::Unresolved { step: index, op })?;
        let context = BindContext { plan: &self.plan, step, isas: self.isas };
        #[cfg(feature = "alloc")]
        if let (_, Some(table)) = self.store.parts() {
            // It was made with as many entries as there are steps.
            table[index] = (operator.bind)(&context).map_err(unsupported)?;
            return Ok(());
        }
        (operator.step)(&context, None).map(drop).map_err(unsupported)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan<'m> {
        &self.plan
    }

    /// Bytes of graph input `i`, to be filled before a run. A run may overwrite its inputs.
    ///
    /// # Panics
    /// If there is no such input; see [`Session::try_input_mut`].
    pub fn input_mut(&mut self, i: usize) -> &mut [u8] {
        self.try_input_mut(i).expect("a graph input of the plan")
    }

    /// Bytes of graph output `i`, there after a run.
    ///
    /// # Panics
    /// If there is no such output; see [`Session::try_output`].
    pub fn output(&self, i: usize) -> &[u8] {
        self.try_output(i).expect("a graph output of the plan")
    }

    /// Bytes of graph input `i`, if there is such an input: see [`Session::input_mut`].
    pub fn try_input_mut(&mut self, i: usize) -> Option<&mut [u8]> {
        let range = port_range(&self.plan.input(i)?);
        self.store.parts().0.get_mut(range)
    }

    /// Bytes of graph output `i`, if there is such an output: see [`Session::output`].
    pub fn try_output(&self, i: usize) -> Option<&[u8]> {
        self.store.arena().get(port_range(&self.plan.output(i)?))
    }

    /// Sets the state to zeros and abandons a paused run.
    pub fn reset(&mut self) {
        let (at, len) = self.state_range();
        self.store.parts().0[at..at + len].fill(0);
        self.next = 0;
    }

    /// Runs all steps.
    ///
    /// # Errors
    /// The step that failed and why; the outputs are then meaningless.
    pub fn run(&mut self) -> Result<(), RunError> {
        self.next = 0;
        self.observe(&mut Unobserved).map(|_| ())
    }

    /// Runs, or goes on with a paused run, until it is done or the clock passes `deadline_ns`, which is looked at
    /// between steps. At least one step runs.
    ///
    /// # Errors
    /// See [`Session::run`].
    pub fn run_until(&mut self, clock: &dyn Clock, deadline_ns: u64) -> Result<Progress, RunError> {
        struct Deadline<'c>(&'c dyn Clock, u64, usize);
        impl Observer for Deadline<'_> {
            fn before(&mut self, step: usize) -> bool {
                step == self.2 || self.0.now_ns() < self.1
            }
        }
        let mut deadline = Deadline(clock, deadline_ns, self.next);
        self.observe(&mut deadline)
    }

    /// Runs, or goes on with a paused run, with an observer between the steps.
    ///
    /// # Errors
    /// See [`Session::run`].
    pub fn observe(&mut self, observer: &mut dyn Observer) -> Result<Progress, RunError> {
        let (plan, parallel, external) = (&self.plan, self.parallel, self.external);
        let arena_bytes = plan.arena_bytes().next_multiple_of(ALIGN);
        let count = plan.step_count();
        let (arena, table) = self.store.parts();
        let context = RunContext { memory: Memory::new(arena, arena_bytes, plan.weights()), parallel, external, plan };
        while self.next < count {
            if !observer.before(self.next) {
                return Ok(Progress::Paused { next: self.next });
            }
            let step = plan.step(self.next);
            let run = match table.as_deref().and_then(|table| table.get(self.next)) {
                Some(bound) => (bound.run)(&bound.args, &context),
                None => run_anew(&self.resolver, &BindContext { plan, step, isas: self.isas }, &context),
            };
            if let Err(kind) = run {
                let step = core::mem::take(&mut self.next);
                return Err(RunError { step, kind });
            }
            observer.after(&step, &Values(&context));
            self.next += 1;
        }
        self.next = 0;
        Ok(Progress::Done)
    }

    /// The state's bytes, to keep; see [`Session::restore`].
    pub fn snapshot(&self) -> &[u8] {
        let (at, len) = self.state_range();
        &self.store.arena()[at..at + len]
    }

    /// Puts back a state that [`Session::snapshot`] gave.
    ///
    /// # Errors
    /// Its length, if that is not [`Plan::state_bytes`].
    pub fn restore(&mut self, state: &[u8]) -> Result<(), usize> {
        let (at, len) = self.state_range();
        if state.len() != len {
            return Err(state.len());
        }
        self.store.parts().0[at..at + len].copy_from_slice(state);
        Ok(())
    }

    fn state_range(&self) -> (usize, usize) {
        (self.plan.arena_bytes().next_multiple_of(ALIGN), self.plan.state_bytes())
    }
}

/// Runs a step of which nothing was kept but that it could be bound.
fn run_anew(resolver: &Resolver, step: &BindContext<'_>, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let operator = resolver.find(step.step.code).ok_or(RunErrorKind::Internal)?;
    (operator.step)(step, Some(context)).unwrap_or(Err(RunErrorKind::Internal))
}

fn port_range(port: &Port<'_>) -> core::ops::Range<usize> {
    let at = port.tensor.offset as usize;
    at..at + port.tensor.len().unwrap_or(0) * port.tensor.dtype.size()
}

impl RunContext<'_> {
    /// The external runtime, which binding made sure of.
    pub(crate) fn external(&self) -> Result<&dyn External, RunErrorKind> {
        self.external.ok_or(RunErrorKind::Internal)
    }
}
