//! What can go wrong when binding and running.

use coulter_plan::{OpCode, OpError};

/// Why a plan cannot be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BindError {
    /// The arena is smaller than the plan needs.
    ArenaTooSmall {
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// The arena does not begin at a multiple of [`coulter_plan::format::ALIGN`].
    ArenaUnaligned,
    /// The resolver does not have an operator that the plan uses.
    Unresolved {
        /// Index of the step.
        step: usize,
        /// Its operator.
        op: OpCode,
    },
    /// The plan has fallback steps, and none that runs them was given.
    NoExternal {
        /// Index of the first such step.
        step: usize,
    },
    /// The external runtime refused the sub-model of a fallback step.
    External {
        /// Index of the step.
        step: usize,
    },
    /// A step's operands are of types, shapes or strides that no kernel of this build takes.
    Unsupported {
        /// Index of the step.
        step: usize,
        /// Its operator.
        op: OpCode,
        /// What does not fit.
        cause: OpError,
    },
}

impl core::fmt::Display for BindError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            BindError::ArenaTooSmall { needed, given } => {
                write!(f, "the arena has {given} bytes, the plan needs {needed}")
            }
            BindError::ArenaUnaligned => {
                write!(f, "the arena is not aligned to {} bytes", coulter_plan::format::ALIGN)
            }
            BindError::Unresolved { step, op } => {
                write!(f, "step {step} is a {}, which this resolver does not list", op.name())
            }
            BindError::NoExternal { step } => write!(
                f,
                "step {step} is a fallback step, which this runtime cannot run or was not allowed to: compile the model without fallback, or allow it"
            ),
            BindError::External { step } => write!(f, "the fallback runtime refuses the sub-model of step {step}"),
            BindError::Unsupported { step, op, cause } => {
                write!(f, "step {step} ({}) cannot be bound: {cause}", op.name())
            }
        }
    }
}

impl core::error::Error for BindError {}

/// What went wrong in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunErrorKind {
    /// An index is outside the dimension that it indexes.
    Index {
        /// The index.
        index: i64,
        /// The dimension.
        dim: usize,
    },
    /// The external runtime failed.
    External,
    /// The session is not in a state to run: a defect of this crate.
    Internal,
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RunError {
    /// Index of the step.
    pub step: usize,
    /// What went wrong.
    pub kind: RunErrorKind,
}

impl core::fmt::Display for RunError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.kind {
            RunErrorKind::Index { index, dim } => {
                write!(f, "step {}: index {index} is outside a dimension of {dim}", self.step)
            }
            RunErrorKind::External => write!(f, "step {}: the fallback runtime failed", self.step),
            RunErrorKind::Internal => write!(f, "step {}: internal error", self.step),
        }
    }
}

impl core::error::Error for RunError {}
