//! Binds a plan to memory and kernels, and runs it.
//!
//! Binding decodes every step of a [`Plan`](coulter_plan::Plan) and chooses its kernel for this processor.
//! [`Session::new`] does so once and keeps both in a flat list on the heap; [`Session::bind`] takes memory of the
//! caller's, keeps no list, and decodes a step again when it runs: RAM is scarcer than the few hundred instructions that
//! this takes. [`Session::run`] walks the steps over one arena. Nothing is allocated, locked or looked up by name while
//! it runs. A [`Resolver`] names the operators that are linked in: hosts take [`Resolver::ALL`], firmware lists its own
//! by [`resolver!`].
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[allow(dead_code, reason = "operators take it up one by one")]
mod activation;
mod arena;
mod bind;
mod error;
mod external;
mod merge;
pub mod ops;
mod requantize;
mod resolver;
mod session;
mod sliding;
mod store;
#[cfg(test)]
mod testing;
#[cfg(feature = "std")]
pub mod threads;
pub mod verify;

pub use arena::{DenseSlot, Memory, RowSlot, Slot};
pub use bind::{BindContext, BoundStep};
pub use error::{BindError, RunError, RunErrorKind};
pub use external::{External, ExternalTensor, ExternalTensorMut};
pub use resolver::{Operator, Resolver};
pub use session::{Clock, Observer, Progress, Session, SessionOptions, Values};

#[cfg(feature = "alloc")]
pub use arena::AlignedBytes;
