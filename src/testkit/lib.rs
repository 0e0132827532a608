//! What tests share.

pub mod cases;
pub mod elementwise_oracle;
pub mod isa_coverage;
pub mod rng;
