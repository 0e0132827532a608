//! Binds a plan to memory and kernels, and runs it.
//!
//! [`Session::bind`] decodes every step of a [`Plan`](coulter_plan::Plan) once, chooses its kernel for this
//! processor and keeps both in a flat list; [`Session::run`] walks that list over one arena. Nothing is
//! allocated, locked or looked up while it runs. A [`Resolver`] names the operators that are linked in: hosts
//! take [`Resolver::ALL`], firmware lists its own.
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
#[cfg(test)]
mod testing;
#[cfg(feature = "std")]
pub mod threads;
pub mod verify;

pub use arena::{Memory, RowSlot, Slot};
pub use bind::{BindContext, BoundStep};
pub use error::{BindError, RunError, RunErrorKind};
pub use external::{External, ExternalTensor, ExternalTensorMut};
pub use resolver::{Operator, Resolver};
pub use session::{Clock, Observer, Progress, Session, SessionOptions, Values};

#[cfg(feature = "alloc")]
pub use arena::AlignedBytes;
