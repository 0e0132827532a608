//! What tests share.

pub mod allocations;
pub mod elementwise_oracle;
pub mod isa_coverage;
pub mod rng;
