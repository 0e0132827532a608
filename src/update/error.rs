//! What can go wrong.

use core::fmt;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

use crate::state::Refusal;

/// Why the flash refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlashError {
    /// An address or a length is no multiple of what the flash reads, writes or erases at once.
    NotAligned,
    /// An address is beyond the flash.
    OutOfBounds,
    /// What was read is not what was written: the flash is worn, or does not keep to its contract.
    Verify,
    /// The driver's own error.
    Other,
}

impl<E: NorFlashError> From<E> for FlashError {
    fn from(error: E) -> Self {
        match error.kind() {
            NorFlashErrorKind::NotAligned => Self::NotAligned,
            NorFlashErrorKind::OutOfBounds => Self::OutOfBounds,
            _ => Self::Other,
        }
    }
}

/// Why a header is none that this device takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HeaderError {
    /// It does not begin as headers do.
    Magic,
    /// It is of a format that this version does not know.
    Format(u32),
    /// It is signed with a key that is not one of the device's.
    Key,
    /// The signature is wrong.
    Signature,
    /// It is for another product.
    Product,
}

/// Why an update did not go on. What ran before still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The flash refused.
    Flash(FlashError),
    /// Slots or journal overlap, are not made of whole erase units, or are too small.
    Layout,
    /// The header is not accepted.
    Header(HeaderError),
    /// The plan does not fit its slot.
    TooLarge {
        /// Bytes of the plan.
        needed: u32,
        /// Bytes that a slot has for it.
        room: u32,
    },
    /// The state does not allow it.
    Refused(Refusal),
    /// More bytes came than the header tells, or fewer when the plan was finished.
    Length {
        /// Bytes that the header tells.
        expected: u32,
        /// Bytes that came.
        received: u32,
    },
    /// What lies in the slot does not have the digest that was signed.
    Digest,
}

impl<E: NorFlashError> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Flash(error.into())
    }
}

impl From<HeaderError> for Error {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("it is not a signed plan: sign the plan first"),
            Self::Format(found) => write!(f, "its format is {found}, this version knows 1"),
            Self::Key => f.write_str("it is signed with a key that this device does not have"),
            Self::Signature => f.write_str("its signature is wrong"),
            Self::Product => f.write_str("it is for another product"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(FlashError::NotAligned) => f.write_str("an address is not aligned as the flash asks"),
            Self::Flash(FlashError::OutOfBounds) => f.write_str("an address is beyond the flash"),
            Self::Flash(FlashError::Verify) => f.write_str("the flash does not keep what was written"),
            Self::Flash(FlashError::Other) => f.write_str("the flash driver reports an error"),
            Self::Layout => f.write_str("slots and journal have to be whole erase units that do not overlap"),
            Self::Header(error) => write!(f, "the plan's header is refused: {error}"),
            Self::TooLarge { needed, room } => {
                write!(f, "the plan has {needed} bytes, its slot has room for {room}")
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Length { expected, received } => {
                write!(f, "{received} bytes of the plan came, its header tells {expected}")
            }
            Self::Digest => f.write_str("what lies in the slot is not what was signed: send it again"),
        }
    }
}

impl core::error::Error for HeaderError {}
impl core::error::Error for Error {}
