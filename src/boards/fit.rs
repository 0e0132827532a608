//! Whether a plan fits on a board.

use coulter_plan::Plan;

use crate::board::Board;

/// Bytes of `coulter-rt` with its stack and what the C library takes: rounded up from what it needs to run a plan of no
/// size.
pub const PROGRAM_BYTES: u64 = 4 << 20;

/// The memory that a plan needs where it runs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Tensors while it runs.
    pub arena: u64,
    /// What is kept from run to run.
    pub state: u64,
    /// The file, which is mapped.
    pub plan: u64,
    /// The runtime.
    pub program: u64,
}

impl Needs {
    /// The runtime's alone.
    pub const EMPTY: Self = Self { arena: 0, state: 0, plan: 0, program: PROGRAM_BYTES };

    /// Of a plan.
    pub fn of(plan: &Plan<'_>) -> Self {
        Self {
            arena: plan.arena_bytes() as u64,
            state: plan.state_bytes() as u64,
            plan: plan.bytes().len() as u64,
            ..Self::EMPTY
        }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        [self.arena, self.state, self.plan, self.program].into_iter().fold(0, u64::saturating_add)
    }

    /// Holds it against the memory of a board.
    ///
    /// # Errors
    /// When it is more than the board has for a model.
    pub fn on(&self, board: &Board) -> Result<(), Misfit> {
        if self.total() <= board.usable_bytes() {
            return Ok(());
        }
        Err(Misfit { needs: *self, usable: board.usable_bytes(), ram: board.ram_bytes() })
    }
}

/// A plan that needs more than a board has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What it needs.
    pub needs: Needs,
    /// Bytes that a model may take there.
    pub usable: u64,
    /// Bytes of the board's memory.
    pub ram: u64,
}
