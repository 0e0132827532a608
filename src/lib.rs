//! Coulter compiles a pre-trained ONNX model into one plan file and runs that plan in place, without allocating.
//!
//! ```no_run
//! use coulter::{AlignedBytes, CompileOptions, IsaSet, Plan, Session, SessionOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let compiled = coulter::compile("model.onnx".as_ref(), &CompileOptions::default(), &mut |_, _| ())?;
//! let bytes = AlignedBytes::copy_of(&compiled.plan);
//! let plan = Plan::parse(&bytes)?;
//! let mut session = Session::new(plan, SessionOptions { isas: IsaSet::detect(), ..SessionOptions::default() })?;
//! session.input_mut(0).fill(0);
//! session.run()?;
//! println!("{} bytes", session.output(0).len());
//! # Ok(())
//! # }
//! ```
//!
//! This crate is the promised interface; the crates that it gathers may change from version to version. Without the
//! feature `compile` it only runs plans, and links neither the compiler nor tract.
#![forbid(unsafe_code)]

pub use coulter_exec::threads::ThreadPool;
pub use coulter_exec::{
    AlignedBytes, BindError, Clock, External, Observer, Progress, Resolver, RunError, Session, SessionOptions, Values,
};
pub use coulter_kernels::{Isa, IsaSet, Parallel, SingleThread};
pub use coulter_plan::{DType, Plan, PlanError, Port, Step, Tensor};

/// Raw input to tensors, tensors to answers.
pub use coulter_pipeline as pipeline;

#[cfg(feature = "compile")]
pub use coulter_compile::{CompileError, CompileOptions, Compiled, Problem, Report, check, compile};
/// Runs the fallback steps of plans that the caller trusts.
#[cfg(feature = "compile")]
pub use coulter_fallback::Tract;
