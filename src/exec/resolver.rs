//! Which operators are linked in.

use coulter_plan::{OpCode, OpError};

use crate::bind::{BindContext, BoundStep};

/// An operator's entry.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// Its code.
    pub code: OpCode,
    /// Decodes a step and chooses its kernel.
    pub(crate) bind: fn(&BindContext<'_>) -> Result<BoundStep, OpError>,
}

/// The operators that an image has. The linker drops what no resolver names.
#[derive(Clone, Copy, Debug)]
pub struct Resolver(pub &'static [Operator]);

impl Resolver {
    /// Every operator.
    pub const ALL: Resolver = Resolver(crate::ops::ALL);

    pub(crate) fn find(&self, code: OpCode) -> Option<&Operator> {
        self.0.iter().find(|o| o.code == code)
    }
}
