//! Small models, through the functions and through the executor.

mod errors;
mod models;
mod steps;
mod types;

#[global_allocator]
static ALLOCATOR: coulter_testkit::allocations::CountingAllocator = coulter_testkit::allocations::CountingAllocator;
