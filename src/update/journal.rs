//! Where the state is kept: two erase units, in which records follow one another.
//!
//! A record has 32 bytes: a number that rises (u32), the state, zeros, and the CRC-32 of all before it. The valid record of
//! the greatest number counts, so that one that was cut off leaves the state before it. The unit that holds it is never
//! erased: where it is full, the other one is, and the next record begins there.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use crate::error::{Error, FlashError};
use crate::header::Fields;
use crate::state::{STATE_BYTES, State};

/// Bytes of a record, and what a write has to be a multiple of at most.
pub(crate) const RECORD: usize = 32;
const SUMMED: usize = RECORD - 4;

#[derive(Debug)]
pub(crate) struct Journal {
    base: u32,
    unit: u32,
    /// The unit with the record that counts: 0 or 1.
    current: u32,
    /// The next free place in it.
    free: u32,
    /// The number of the record that counts.
    number: u32,
}

impl Journal {
    /// Finds the state that was kept last; none on a device that never had one.
    pub(crate) fn load<F: ReadNorFlash>(flash: &mut F, base: u32, unit: u32) -> (Self, Option<State>) {
        // Without a record: as if the second unit were full.
        let mut journal = Self { base, unit, current: 1, free: unit / RECORD as u32, number: 0 };
        let mut newest = None;
        for half in 0..2 {
            let (mut free, mut holds_it) = (0, false);
            for place in 0..unit / RECORD as u32 {
                let mut record = [0xff; RECORD];
                let unreadable = flash.read(journal.at(half, place), &mut record).is_err();
                if !unreadable && record == [0xff; RECORD] {
                    continue;
                }
                free = place + 1;
                let found = decode(&record).filter(|_| !unreadable);
                if let Some((number, state)) = found.filter(|(n, _)| newest.is_none() || *n > journal.number) {
                    (newest, holds_it, journal.number) = (Some(state), true, number);
                }
            }
            if holds_it {
                (journal.current, journal.free) = (half, free);
            }
        }
        (journal, newest)
    }

    /// Keeps a state. Power may be cut at any moment: then this one counts, or the one before.
    pub(crate) fn store<F: NorFlash>(&mut self, flash: &mut F, state: &State) -> Result<(), Error> {
        if self.free >= self.unit / RECORD as u32 {
            let other = 1 - self.current;
            flash.erase(self.at(other, 0), self.at(other, 0) + self.unit)?;
            (self.current, self.free) = (other, 0);
        }
        let at = self.at(self.current, self.free);
        let record = encode(self.number + 1, state);
        // What a write that fails leaves is no place for another.
        self.free += 1;
        flash.write(at, &record)?;
        let mut kept = [0; RECORD];
        flash.read(at, &mut kept)?;
        if kept != record {
            return Err(Error::Flash(FlashError::Verify));
        }
        self.number += 1;
        Ok(())
    }

    fn at(&self, half: u32, place: u32) -> u32 {
        self.base + half * self.unit + place * RECORD as u32
    }
}

fn encode(number: u32, state: &State) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let body = number.to_le_bytes().into_iter().chain(state.to_bytes());
    record.iter_mut().zip(body).for_each(|(to, from)| *to = from);
    let sum = checksum(&record).to_le_bytes();
    record.iter_mut().skip(SUMMED).zip(sum).for_each(|(to, from)| *to = from);
    record
}

fn decode(record: &[u8; RECORD]) -> Option<(u32, State)> {
    let fields = Fields(record);
    let is_whole = u32::from_le_bytes(fields.bytes(SUMMED)) == checksum(record);
    let state = State::from_bytes(&fields.bytes::<STATE_BYTES>(4))?;
    is_whole.then_some((u32::from_le_bytes(fields.bytes(0)), state))
}

fn checksum(record: &[u8; RECORD]) -> u32 {
    crc32fast::hash(&Fields(record).bytes::<SUMMED>(0))
}
