//! Micro-kernels, one folder a family, one file an instruction set, and a generic reference for each.
//!
//! The safe functions of a family check their arguments once and then run the kernel that was chosen when the
//! plan was bound; nothing here allocates. Views ([`View`], [`ViewMut`]) carry the promise that every element
//! they address is there; only their constructors are unsafe.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

pub mod activation;
pub mod activation_f32;
pub mod isa;
#[allow(dead_code, reason = "families take it up one by one")]
mod lanes;
pub mod parallel;
mod view;

pub use isa::{Isa, IsaSet};
pub use parallel::{Parallel, SingleThread};
pub use view::{Element, MAX_RANK, Rows, RowsMut, View, ViewMut};
