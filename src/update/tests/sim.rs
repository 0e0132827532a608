//! NOR flash whose power can be cut.

use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

use crate::{Config, Header, Layout, PublicKey, Updater};

pub const UNIT: usize = 512;
pub const SECRET: [u8; 32] = [7; 32];
pub const PRODUCT: [u8; 16] = *b"thermostat\0\0\0\0\0\0";
/// The journal lies between the slots, of which the first begins at the second unit.
pub const LAYOUT: Layout = Layout { journal: 5 * 512, slots: [512, 7 * 512], slot_bytes: 4 * 512 };

#[derive(Debug, PartialEq, Eq)]
pub enum SimError {
    Unaligned,
    Outside,
    /// Bits would have to become ones again.
    NotErased,
    /// The power is off.
    Off,
}

impl NorFlashError for SimError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Unaligned => NorFlashErrorKind::NotAligned,
            Self::Outside => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// Flash of `WRITE` bytes a word.
#[derive(Clone, Debug)]
pub struct Sim<const WRITE: usize> {
    pub bytes: Vec<u8>,
    /// Words written and units erased that are still possible; the next one is cut off in its middle.
    pub power: Option<usize>,
    pub is_on: bool,
    pub rng: Rng,
    /// Erasures of each unit.
    pub wear: Vec<u32>,
}

impl<const WRITE: usize> Sim<WRITE> {
    /// Full of what some other firmware left.
    pub fn used() -> Self {
        let mut rng = Rng::new(5);
        let bytes: Vec<u8> = (0..12 * UNIT).map(|_| rng.next_u64() as u8).collect();
        Self { wear: vec![0; bytes.len() / UNIT], bytes, power: None, is_on: true, rng }
    }

    /// Whether the operation that begins now is cut off.
    fn is_cut(&mut self) -> Result<bool, SimError> {
        match &mut self.power {
            _ if !self.is_on => Err(SimError::Off),
            Some(0) => {
                self.is_on = false;
                Ok(true)
            }
            Some(left) => {
                *left -= 1;
                Ok(false)
            }
            None => Ok(false),
        }
    }
}

impl<const WRITE: usize> ErrorType for Sim<WRITE> {
    type Error = SimError;
}

impl<const WRITE: usize> ReadNorFlash for Sim<WRITE> {
    const READ_SIZE: usize = WRITE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimError> {
        let at = offset as usize;
        if !self.is_on {
            return Err(SimError::Off);
        }
        if !at.is_multiple_of(WRITE) || !bytes.len().is_multiple_of(WRITE) {
            return Err(SimError::Unaligned);
        }
        bytes.copy_from_slice(self.bytes.get(at..at + bytes.len()).ok_or(SimError::Outside)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize> NorFlash for Sim<WRITE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = UNIT;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), SimError> {
        let (from, to) = (from as usize, to as usize);
        if !from.is_multiple_of(UNIT) || !to.is_multiple_of(UNIT) {
            return Err(SimError::Unaligned);
        }
        if to > self.bytes.len() || from > to {
            return Err(SimError::Outside);
        }
        for unit in from / UNIT..to / UNIT {
            let is_cut = self.is_cut()?;
            self.wear[unit] += 1;
            for at in unit * UNIT..(unit + 1) * UNIT {
                // Cut off, some bits are ones already.
                self.bytes[at] |= if is_cut { self.rng.next_u64() as u8 } else { 0xff };
            }
            if is_cut {
                return Err(SimError::Off);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimError> {
        let at = offset as usize;
        if !at.is_multiple_of(WRITE) || !bytes.len().is_multiple_of(WRITE) {
            return Err(SimError::Unaligned);
        }
        if at + bytes.len() > self.bytes.len() {
            return Err(SimError::Outside);
        }
        for (i, word) in bytes.chunks(WRITE).enumerate() {
            let old = at + i * WRITE..at + (i + 1) * WRITE;
            if self.is_on && self.bytes[old.clone()].iter().any(|&byte| byte != 0xff) {
                return Err(SimError::NotErased);
            }
            let is_cut = self.is_cut()?;
            for (to, &from) in self.bytes[old].iter_mut().zip(word) {
                // Cut off, some bits are zeros already.
                *to &= if is_cut { from | self.rng.next_u64() as u8 } else { from };
            }
            if is_cut {
                return Err(SimError::Off);
            }
        }
        Ok(())
    }
}

pub fn key() -> PublicKey {
    Header::public_key(&SECRET)
}

pub fn config(keys: &[PublicKey]) -> Config<'_> {
    Config { keys, product: PRODUCT, trial_boots: 0 }
}

/// Bytes that stand for a plan of this version, some of them 255 as erased flash is.
pub fn plan(version: u64) -> Vec<u8> {
    let mut rng = Rng::new(version);
    let length = 1000 + 37 * version as usize % 700;
    let mut bytes: Vec<u8> = (0..length).map(|_| rng.next_u64() as u8).collect();
    bytes[400..400 + 300].fill(0xff);
    bytes
}

pub fn header(version: u64) -> [u8; crate::HEADER_BYTES] {
    Header::of(&plan(version), version, PRODUCT).expect("a short plan").sign(&SECRET)
}

/// Receives a plan in pieces of `size` bytes.
pub fn receive<F: NorFlash>(updater: &mut Updater<'_, F>, version: u64, size: usize) -> Result<(), crate::Error> {
    let there = updater.begin(&header(version), &mut || ())? as usize;
    for piece in plan(version)[there..].chunks(size) {
        updater.write(piece)?;
    }
    updater.finish(&mut || ()).map(|_| ())
}
