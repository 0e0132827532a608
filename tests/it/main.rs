//! Tests of the whole: every module asks a question that no crate can answer alone.

mod architecture;
mod arrays;
mod boards;
mod cli;
mod conformance;
mod determinism;
mod engine;
mod golden;
mod hostile_plans;
mod int8;
mod npz;
mod post_training;
mod quantized_models;
mod shared_models;
mod signing;
mod zero_alloc;

#[global_allocator]
static ALLOCATOR: coulter_cli::allocations::CountingAllocator = coulter_cli::allocations::CountingAllocator;
