//! Boards as data: what they are ([`Board`]), whether a plan fits ([`Needs`]), and how long it takes there
//! ([`Cost`], a model whose error is stated with every figure).
//!
//! A board is a folder of `boards/` with a `board.toml`, and a line in `table.rs`.
#![forbid(unsafe_code)]

mod board;
mod cost;
mod fit;
mod table;
#[cfg(test)]
mod tests;

pub use board::{Board, BoardError, Cache, Core, Memory, Sensors};
pub use cost::{Confidence, Cost, Prediction, StepCost};
pub use fit::{Misfit, Needs};
pub use table::{all, find, matching};
