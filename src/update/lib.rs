//! Slots of signed plans: received, staged, tried, and confirmed or rolled back.
//!
//! Two slots hold plans, of which at most one is active. A new plan goes into the other one, behind a [`Header`] that an
//! ed25519 key signed. It is staged once its digest is right, tried once the device has tested it, and active once it is
//! confirmed; a reset before that brings the old plan back. [`State`] is that as a machine without input or output: each
//! transition is one value, so that a device which keeps it by one record at a time can lose power at any moment.
//! [`Updater`] drives it over NOR flash through the `embedded-storage` traits; it allocates nothing.
//!
//! What is on flash: [`Layout`] says where, [`Header`] and [`State`] say which bytes.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(any(test, feature = "sign"))]
extern crate std;

mod error;
mod flash;
mod header;
mod journal;
mod state;
#[cfg(test)]
mod tests;

pub use error::{Error, FlashError, HeaderError};
pub use flash::{Config, Layout, Located, PLAN_AT, Updater};
pub use header::{HEADER_BYTES, Header, PublicKey};
pub use state::{Boot, Phase, Refusal, Slot, State};
