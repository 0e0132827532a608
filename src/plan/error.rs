//! What can be wrong with a plan.

use crate::ops::OpCode;

/// Why a step's parameters or operands are not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OpError {
    /// Parameter words are missing, left over, or hold a number without meaning.
    Params,
    /// Too few or too many inputs or outputs, or a required one left out.
    Arity,
    /// An operand's element type is not one this operator takes.
    Type,
    /// Shapes of operands and parameters do not fit each other.
    Shape,
    /// Strides of an operand are not ones this operator can walk.
    Layout,
    /// A weight operand does not lie in the weights section (aligned), scratch not in the arena, or an output in the
    /// weights section.
    Storage,
    /// What a step writes shares memory with another operand in a way this operator does not allow, or with itself.
    Alias,
}

impl core::fmt::Display for OpError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            OpError::Params => "parameters are missing, left over or without meaning",
            OpError::Arity => "wrong number of inputs or outputs",
            OpError::Type => "an operand has an element type that the operator does not take",
            OpError::Shape => "shapes of operands and parameters do not fit",
            OpError::Layout => "an operand's strides are not ones the operator can walk",
            OpError::Storage => "a weight, scratch or output operand lies in a space where it may not",
            OpError::Alias => "an output shares memory with another operand or with itself",
        })
    }
}

impl core::error::Error for OpError {}

/// Why bytes are not a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PlanError {
    /// The bytes are not aligned to [`crate::format::ALIGN`].
    Unaligned,
    /// The bytes do not begin with the magic number.
    NotAPlan,
    /// The plan needs a reader of this major and minor version.
    Version {
        /// Major version found.
        major: u16,
        /// Minor version found.
        minor: u16,
    },
    /// The file is shorter or longer than its header says.
    Length {
        /// Bytes that the header tells.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A header field holds a value that is not allowed.
    Header,
    /// The section of this kind is missing, twice there, overlapping, misaligned, outside the file, of odd size, or
    /// not UTF-8 where it must be.
    Section(u32),
    /// No name begins at this place of the strings, or it is longer than 1023 bytes.
    Name(u32),
    /// A tensor record is invalid: type, rank, dims, strides, or range outside its space.
    Tensor(u32),
    /// Opcode that this reader does not know, at the step with this index.
    UnknownOp {
        /// Index of the step.
        step: u32,
        /// Number found.
        code: u16,
    },
    /// A step is invalid.
    Step {
        /// Index of the step.
        step: u32,
        /// Its operator.
        op: OpCode,
        /// What is wrong.
        cause: OpError,
    },
    /// A step record refers to tensors, operands or parameters that are not there or not in order, or a reserved
    /// field is not zero.
    StepRecord(u32),
    /// A graph input or output is invalid.
    Port(u32),
    /// Golden cases, of which the header tells so many, do not fit the graph's inputs and outputs.
    Golden(u32),
}

impl core::fmt::Display for PlanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            PlanError::Unaligned => write!(f, "the plan's bytes are not aligned to {}", crate::format::ALIGN),
            PlanError::NotAPlan => f.write_str("not a plan: the magic number is missing"),
            PlanError::Version { major, minor } => write!(
                f,
                "the plan has format {major}.{minor}, this reader knows {}.{} and older: recompile the model or update the runtime",
                crate::format::MAJOR,
                crate::format::MINOR
            ),
            PlanError::Length { expected, found } => {
                write!(f, "the header tells {expected} bytes, there are {found}: the file was cut or extended")
            }
            PlanError::Header => f.write_str("a header field holds a value that is not allowed"),
            PlanError::Section(kind) => write!(f, "section {kind:#x} is missing, repeated, out of place or malformed"),
            PlanError::Name(at) => write!(f, "no name begins at {at}, or it is too long"),
            PlanError::Tensor(index) => write!(f, "tensor {index} is invalid"),
            PlanError::UnknownOp { step, code } => {
                write!(
                    f,
                    "step {step} has operator number {code}, which this reader does not know: update the runtime, or recompile the model with a compiler of its version"
                )
            }
            PlanError::Step { step, op, cause } => write!(f, "step {step} ({}): {cause}", op.name()),
            PlanError::StepRecord(step) => write!(f, "the record of step {step} does not refer to what is there"),
            PlanError::Port(index) => write!(f, "graph input or output {index} is invalid"),
            PlanError::Golden(index) => write!(f, "{index} golden cases do not fit the graph's inputs and outputs"),
        }
    }
}

impl core::error::Error for PlanError {}
