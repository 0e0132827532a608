//! Which operators are linked in.

use coulter_plan::ops::Rule;
use coulter_plan::{OpCode, OpError, Plan, PlanError};

use crate::bind::BindContext;
#[cfg(feature = "alloc")]
use crate::bind::BoundStep;
use crate::error::RunErrorKind;
use crate::session::RunContext;

/// Decodes a step, chooses its kernel and, given memory, runs it; what was decoded lives on the stack meanwhile.
pub(crate) type StepFn = fn(&BindContext<'_>, Option<&RunContext<'_>>) -> Result<Result<(), RunErrorKind>, OpError>;

/// An operator's entry.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// Its code.
    pub code: OpCode,
    /// What its steps have to keep to.
    pub(crate) rule: Rule,
    /// Binds a step for as long as it runs, or to see that it can be.
    pub(crate) step: StepFn,
    /// Binds a step for a table.
    #[cfg(feature = "alloc")]
    pub(crate) bind: fn(&BindContext<'_>) -> Result<BoundStep, OpError>,
}

/// The operators that an image has. The linker drops what no resolver names.
#[derive(Clone, Copy, Debug)]
pub struct Resolver(pub &'static [Operator]);

impl Resolver {
    /// Every operator.
    pub const ALL: Resolver = Resolver(crate::ops::ALL);

    /// Checks `bytes` as [`Plan::parse`] does, with the rules of these operators alone: a plan with another one is refused
    /// as one with an unknown operator.
    ///
    /// # Errors
    /// See [`Plan::parse`].
    #[inline(never)]
    pub fn parse<'a>(&self, bytes: &'a [u8]) -> Result<Plan<'a>, PlanError> {
        Plan::parse_with(bytes, &|op| self.find(op).map(|operator| operator.rule))
    }

    pub(crate) fn find(&self, code: OpCode) -> Option<&Operator> {
        self.0.iter().find(|o| o.code == code)
    }
}

/// A [`Resolver`] of the operators with these names, those of [`OpCode::name`]: `resolver![qconv2d, copy]`. What
/// `coulter compile --emit-rust` writes has the ones that a plan needs.
#[macro_export]
macro_rules! resolver {
    ($($op:ident),* $(,)?) => {
        $crate::Resolver(&[$($crate::ops::$op::Args::OPERATOR),*])
    };
}
