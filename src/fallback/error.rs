//! What can go wrong with a sub-model.

use coulter_plan::DType;

/// An input or an output of a sub-model, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Input.
    Input(usize),
    /// Output.
    Output(usize),
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Port::Input(i) => write!(f, "input {i}"),
            Port::Output(i) => write!(f, "output {i}"),
        }
    }
}

/// Why a sub-model cannot be loaded or run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FallbackError {
    /// The bytes are not a serialized ONNX model.
    #[error("the sub-model is not a serialized ONNX model: {0}")]
    NotOnnx(String),
    /// tract does not take the model.
    #[error("tract cannot load the sub-model: {0}")]
    Load(String),
    /// tract failed while it ran the model.
    #[error("tract cannot run the sub-model: {0}")]
    Run(String),
    /// tract panicked.
    #[error("tract panicked in the sub-model: {0}")]
    Panic(String),
    /// A type that plans or tract do not have.
    #[error("{port} of the sub-model has element type {dtype}, which fallback steps cannot carry")]
    Type {
        /// Where.
        port: Port,
        /// The type, as tract or the plan names it.
        dtype: String,
    },
    /// A shape that is not given in numbers.
    #[error("{port} of the sub-model has no concrete shape")]
    SymbolicShape {
        /// Where.
        port: Port,
    },
    /// Too many inputs or outputs, or too few.
    #[error("the sub-model has {expected} {side}, the step {found}")]
    Count {
        /// `inputs` or `outputs`.
        side: &'static str,
        /// How many the sub-model has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A type or shape that is not the one that is expected.
    #[error("{port} of the sub-model is expected to be {} {:?}, and is {} {:?}", expected.0, expected.1, found.0, found.1)]
    Mismatch {
        /// Where.
        port: Port,
        /// Type and shape that the sub-model or the step has.
        expected: (DType, Vec<usize>),
        /// Type and shape that were given or came out.
        found: (DType, Vec<usize>),
    },
    /// Fewer or more bytes than type and shape ask for.
    #[error("{port} of the sub-model takes {expected} bytes, given {found}")]
    Bytes {
        /// Where.
        port: Port,
        /// Bytes that type and shape ask for.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// The step was not prepared before it ran.
    #[error("the sub-model of step {0} was not prepared")]
    NotPrepared(usize),
}
