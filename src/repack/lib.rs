//! The forms of 8-bit convolutions with 3×3 kernels: direct, and in tiles; from one to the other without another bit.
//!
//! Both give the same bytes, but not in the same time: tiles pay where a processor multiplies no four bytes at once. A plan that was compiled for one kind of machine is therefore repacked once, where it is installed on
//! the other ([`repack`]). Layers, from the bytes up:
//!
//! 1. [`weights`]: the order in which kernels read them, and back;
//! 2. [`tiles`]: which convolutions take less time in tiles;
//! 3. [`repack`]: a plan in the other form.
#![forbid(unsafe_code)]

mod repack;
#[cfg(test)]
mod tests;
pub mod tiles;
pub mod weights;

pub use repack::{Form, Repacked, repack};
