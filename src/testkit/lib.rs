//! What tests share.

pub mod elementwise_oracle;
