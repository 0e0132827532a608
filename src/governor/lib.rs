//! What a board tells of its temperature, clock, throttling and power through sysfs ([`Sensors`]), measured over time
//! ([`Meter`]), and fewer threads or pauses where a limit is reached ([`Governor`]).
//!
//! Nothing is assumed of a board: what is not there, or cannot be read, is `None`, with the reason where a person would
//! ask for it. The root of the tree is an argument, so that tests have trees of their own.
#![forbid(unsafe_code)]

mod govern;
mod meter;
mod power;
mod sensors;
mod sysfs;
#[cfg(test)]
mod tests;

pub use govern::{Governor, Limits};
pub use meter::{Clock, Meter, Reading, SystemClock};
pub use power::Power;
pub use sensors::{Sensors, Throttling};
pub use sysfs::Sysfs;
