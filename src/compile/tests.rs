//! Graphs made by hand and at random: compiled, parsed, run, and compared with the interpreter.

mod draft;
pub(crate) mod interpreter;
mod operators;
mod random;
mod views;
