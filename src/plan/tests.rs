//! Tests of the whole crate: plans are built, read back, mutated, and judged by a slow checker of their own.

mod bytes;
mod checker;
mod hostile;
mod mutations;
mod operators;
mod overlap;
mod refusals;
mod round_trip;
mod samples;
mod sharing;
mod windows;
