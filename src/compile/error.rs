//! What can go wrong when compiling.

use std::path::PathBuf;

/// Something about an ONNX node that keeps it from compiling.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Problem {
    /// The node's name, or its first output's when it has none.
    pub onnx_node: String,
    /// Its operator, with domain unless that is ONNX's own.
    pub op: String,
    /// Version of the operator set that the model asks for.
    pub opset: i64,
    /// What is wrong: expected and found.
    pub reason: String,
    /// What to do.
    pub cure: String,
}

/// Why a model does not compile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not an ONNX model.
    #[error("{path} is not an ONNX model: {reason}")]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// A dimension is symbolic and was given no value.
    #[error("input {input} has the symbolic dimension {dim}: give it a value with --dim {dim}=N")]
    UnboundDim {
        /// Graph input.
        input: String,
        /// The dimension's name.
        dim: String,
    },
    /// A dimension was given a value, but the model has none of that name.
    #[error("the model has no symbolic dimension {dim}; its symbolic dimensions: {}", list(known))]
    UnknownDim {
        /// The name given.
        dim: String,
        /// Names that its inputs have.
        known: Vec<String>,
    },
    /// Nodes that cannot be compiled.
    #[error("{}", render(.0))]
    Problems(Vec<Problem>),
    /// Inputs of a golden case do not fit the model.
    #[error("golden case {case}: {reason}")]
    Golden {
        /// Index of the case.
        case: usize,
        /// What is expected and what was found.
        reason: String,
    },
    /// The samples to calibrate on are not what is needed.
    #[error("cannot calibrate: {0}")]
    Calibration(String),
    /// The reference cannot run the model.
    #[error("tract, which values are compared with, cannot run this model: {0}")]
    Reference(String),
    /// The plan that was written does not validate: a defect of this crate.
    #[error("the compiled plan is invalid ({0}): this is a defect of the compiler, please report it")]
    Plan(#[from] coulter_plan::PlanError),
    /// The plan that was written cannot be bound or run: a defect of this crate.
    #[error("the compiled plan does not run ({0}): this is a defect of the compiler, please report it")]
    Run(String),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn render(problems: &[Problem]) -> String {
    let lines = problems
        .iter()
        .map(|p| format!("node {} ({}, opset {}): {}; {}", p.onnx_node, p.op, p.opset, p.reason, p.cure));
    lines.collect::<Vec<_>>().join("\n")
}
