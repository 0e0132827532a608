//! Graphs made by hand and at random: compiled, parsed, run, and compared with the interpreter.

pub(crate) mod draft;
mod golden;
pub(crate) mod interpreter;
mod models;
mod operators;
mod random;
mod views;
