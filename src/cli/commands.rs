//! One file a verb.

pub mod bench;
#[cfg(feature = "compile")]
pub mod boards;
#[cfg(feature = "compile")]
pub mod check;
#[cfg(feature = "compile")]
pub mod compile;
#[cfg(feature = "compile")]
pub mod diff;
pub mod inspect;
pub mod install;
pub mod run;
#[cfg(feature = "compile")]
pub mod sign;
pub mod verify;
mod worker;
