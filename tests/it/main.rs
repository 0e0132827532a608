//! Tests of the whole: every module asks a question that no crate can answer alone.

mod architecture;
mod arrays;
mod conformance;
mod engine;
