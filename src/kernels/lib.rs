//! Micro-kernels, one folder a family, one file an instruction set, and a generic reference for each.
//!
//! The safe functions of a family check their arguments once and then run the kernel that was chosen when the
//! plan was bound; nothing here allocates. Views ([`View`], [`ViewMut`]) carry the promise that every element
//! they address is there; only their constructors are unsafe.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

pub mod isa;
pub mod parallel;
mod view;

pub use isa::{Isa, IsaSet};
pub use parallel::{Parallel, SingleThread};
pub use view::{Element, Rows, RowsMut, View, ViewMut, MAX_RANK};
