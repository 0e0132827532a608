//! The plan file: bytes to view and back.
//!
//! A plan is one little-endian file that holds everything needed to run a model, describe it and
//! prove that it is computed rightly. [`Plan::parse`] is the only way to get a [`Plan`]: it checks
//! every offset, shape, opcode, aliasing and arena range, so that what comes after need not check
//! again. Layers, from the bytes up:
//!
//! 1. [`format`]: header, section table and the fixed-size records;
//! 2. [`DType`], [`Activation`], the parameter words ([`words`]);
//! 3. [`ops`]: the list of operators, their parameters and the rules that their operands obey;
//! 4. [`Plan`]: the validated view, and [`builder::PlanBuilder`], its writer (feature `alloc`).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod activation;
mod alias;
#[cfg(feature = "alloc")]
pub mod builder;
mod dtype;
mod error;
pub mod format;
pub mod ops;
pub mod overlap;
mod plan;
pub mod requantize;
mod rules;
mod tensor;
#[cfg(test)]
mod tests;
mod validate;
pub mod words;

pub use activation::{Activation, ActivationKind};
pub use dtype::DType;
pub use error::{OpError, PlanError};
pub use ops::OpCode;
pub use plan::{GoldenCase, Operands, Plan, Port, Step};
pub use tensor::{Dims, MAX_RANK, Space, Tensor};
