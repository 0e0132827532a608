//! A bound plan.

use coulter_kernels::{Element, IsaSet, Parallel, SingleThread};
use coulter_plan::format::ALIGN;
use coulter_plan::{OpCode, Plan, Port, Step};

use crate::arena::Memory;
use crate::bind::{BindContext, BoundStep};
use crate::error::{BindError, RunError, RunErrorKind};
use crate::external::External;
use crate::resolver::Resolver;

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

impl Default for SessionOptions<'_> {
    /// Every operator, generic kernels, one thread, no fallback.
    fn default() -> Self {
        Self { resolver: Resolver::ALL, isas: IsaSet::GENERIC, parallel: &SingleThread, external: None }
    }
}

/// What a running step may use.
pub(crate) struct RunContext<'a> {
    pub(crate) memory: Memory<'a>,
    pub(crate) parallel: &'a dyn Parallel,
    pub(crate) external: Option<&'a dyn External>,
    pub(crate) plan: Plan<'a>,
}

/// Tells the time.
pub trait Clock {
    /// Nanoseconds since some fixed moment.
    fn now_ns(&self) -> u64;
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

enum Store<'m> {
    Borrowed(&'m mut [u8], &'m mut [BoundStep]),
    #[cfg(feature = "alloc")]
    Owned(crate::arena::AlignedBytes, alloc::boxed::Box<[BoundStep]>),
}

impl Store<'_> {
    fn parts(&mut self) -> (&mut [u8], &mut [BoundStep]) {
        match self {
            Store::Borrowed(arena, steps) => (arena, steps),
            #[cfg(feature = "alloc")]
            Store::Owned(arena, steps) => (arena, steps),
        }
    }

    fn arena(&self) -> &[u8] {
        match self {
            Store::Borrowed(arena, _) => arena,
            #[cfg(feature = "alloc")]
            Store::Owned(arena, _) => arena,
        }
    }
}

/// A plan bound to memory and kernels.
pub struct Session<'m> {
    plan: Plan<'m>,
    store: Store<'m>,
    parallel: &'m dyn Parallel,
    external: Option<&'m dyn External>,
    next: usize,
}

impl<'m> Session<'m> {
    /// Binds to memory of the caller's: an arena of [`Plan::arena_bytes`] + [`Plan::state_bytes`] or more, aligned to
    /// [`ALIGN`], and a table of [`Plan::step_count`] steps or more. State begins as zeros.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(
        plan: Plan<'m>,
        arena: &'m mut [u8],
        steps: &'m mut [BoundStep],
        options: SessionOptions<'m>,
    ) -> Result<Self, BindError> {
        Self::with_store(plan, Store::Borrowed(arena, steps), options)
    }

    /// Binds to memory on the heap: nothing is allocated afterwards.
    ///
    /// # Errors
    /// See [`BindError`].
    #[cfg(feature = "alloc")]
    pub fn new(plan: Plan<'m>, options: SessionOptions<'m>) -> Result<Self, BindError> {
        let bytes = plan.arena_bytes().next_multiple_of(ALIGN) + plan.state_bytes();
        let steps = alloc::vec![BoundStep::EMPTY; plan.step_count()].into_boxed_slice();
        Self::with_store(plan, Store::Owned(crate::arena::AlignedBytes::zeroed(bytes), steps), options)
    }

    fn with_store(plan: Plan<'m>, mut store: Store<'m>, mut options: SessionOptions<'m>) -> Result<Self, BindError> {
        let (arena, table) = store.parts();
        let needed = plan.arena_bytes().next_multiple_of(ALIGN) + plan.state_bytes();
        if arena.len() < needed {
            return Err(BindError::ArenaTooSmall { needed, given: arena.len() });
        }
        if !(arena.as_ptr() as usize).is_multiple_of(ALIGN) {
            return Err(BindError::ArenaUnaligned);
        }
        if table.len() < plan.step_count() {
            return Err(BindError::TooFewSteps { needed: plan.step_count(), given: table.len() });
        }
        for (step, slot) in plan.steps().zip(table.iter_mut()) {
            let (index, op) = (step.index, step.code);
            if op == OpCode::Fallback {
                let external = options.external.as_deref_mut().ok_or(BindError::NoExternal { step: index })?;
                let blob = crate::ops::fallback::model(&plan, &step).map_err(|cause| BindError::Unsupported {
                    step: index,
                    op,
                    cause,
                })?;
                if !external.prepare(&step, blob) {
                    return Err(BindError::External { step: index });
                }
            }
            let operator = options.resolver.find(op).ok_or(BindError::Unresolved { step: index, op })?;
            *slot = (operator.bind)(&BindContext { plan, step, isas: options.isas })
                .map_err(|cause| BindError::Unsupported { step: index, op, cause })?;
        }
        let external = options.external.map(|e| &*e);
        let mut session = Self { plan, store, parallel: options.parallel, external, next: 0 };
        session.reset();
        Ok(session)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan<'m> {
        &self.plan
    }

    /// Bytes of graph input `i`, to be filled before a run. A run may overwrite its inputs.
    ///
    /// # Panics
    /// If there is no such input.
    pub fn input_mut(&mut self, i: usize) -> &mut [u8] {
        let port = self.plan.inputs().nth(i).expect("a graph input of the plan");
        let range = port_range(&port);
        &mut self.store.parts().0[range]
    }

    /// Bytes of graph output `i`, there after a run.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn output(&self, i: usize) -> &[u8] {
        let port = self.plan.outputs().nth(i).expect("a graph output of the plan");
        &self.store.arena()[port_range(&port)]
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
        let (plan, parallel, external) = (self.plan, self.parallel, self.external);
        let arena_bytes = plan.arena_bytes().next_multiple_of(ALIGN);
        let count = plan.step_count();
        let (arena, steps) = self.store.parts();
        let context = RunContext { memory: Memory::new(arena, arena_bytes, plan.weights()), parallel, external, plan };
        while self.next < count {
            if !observer.before(self.next) {
                return Ok(Progress::Paused { next: self.next });
            }
            let bound = &steps[self.next];
            if let Err(kind) = (bound.run)(&bound.args, &context) {
                let step = core::mem::take(&mut self.next);
                return Err(RunError { step, kind });
            }
            observer.after(&plan.step(self.next), &Values(&context));
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
