//! What tests share.

pub mod allocations;
pub mod elementwise_oracle;
