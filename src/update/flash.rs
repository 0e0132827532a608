//! The machine of slots on NOR flash.

use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

use crate::error::{Error, FlashError};
use crate::header::{HEADER_BYTES, Header, PublicKey};
use crate::journal::{Journal, RECORD};
use crate::state::{Boot, Phase, Refusal, Slot, State};

/// Where the plan begins in its slot, behind its header: aligned as plans have to be where the slot is.
pub const PLAN_AT: u32 = 192;

/// Bytes that are read at once.
const PIECE: usize = 256;

/// Where things lie on the flash, in bytes from its beginning. All are multiples of its erase unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Two erase units for the state.
    pub journal: u32,
    /// The slots' beginnings.
    pub slots: [u32; 2],
    /// Bytes of each slot: its plan may have [`PLAN_AT`] less.
    pub slot_bytes: u32,
}

/// What a device accepts.
#[derive(Clone, Copy, Debug)]
pub struct Config<'k> {
    /// Keys whose signatures count; more than one while keys change.
    pub keys: &'k [PublicKey],
    /// The device's product.
    pub product: [u8; 16],
    /// Resets that a plan may survive before it is confirmed; 0 rolls it back at the first one.
    pub trial_boots: u8,
}

/// A plan whose header, length and digest are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its slot.
    pub slot: Slot,
    /// Where the plan's first byte lies on the flash.
    pub offset: u32,
    /// Its header.
    pub header: Header,
    /// Whether it is on trial.
    pub is_on_trial: bool,
}

/// Slots on NOR flash. Every call leaves the flash in a state that a reset at any moment inside of it does not harm.
///
/// Calls that take long have a parameter `pause`, which is called between pieces of at most one erase unit: a place to feed
/// a watchdog.
#[derive(Debug)]
pub struct Updater<'k, F> {
    flash: F,
    layout: Layout,
    config: Config<'k>,
    journal: Journal,
    state: State,
    incoming: Option<Incoming>,
}

/// A plan that comes in.
#[derive(Debug)]
struct Incoming {
    header: Header,
    /// Bytes that lie in the slot: a multiple of [`RECORD`].
    written: u32,
    /// Bytes that wait until they are that many.
    waiting: [u8; RECORD],
    count: usize,
}

impl<'k, F: NorFlash> Updater<'k, F> {
    /// Reads the state from the flash, whose reads and writes may be of 32 bytes (or a divisor of that) at a time.
    ///
    /// # Errors
    /// [`Error::Layout`].
    pub fn open(mut flash: F, layout: Layout, config: Config<'k>) -> Result<Self, Error> {
        const {
            assert!(RECORD.is_multiple_of(F::WRITE_SIZE), "the flash writes 32 bytes or a divisor of that at once");
            assert!(RECORD.is_multiple_of(F::READ_SIZE), "the flash reads 32 bytes or a divisor of that at once");
            assert!(F::ERASE_SIZE.is_multiple_of(PIECE), "the flash erases a multiple of 256 bytes at once");
        }
        let unit = F::ERASE_SIZE as u32;
        let parts =
            [(layout.journal, 2 * unit), (layout.slots[0], layout.slot_bytes), (layout.slots[1], layout.slot_bytes)];
        let is_sound = |(i, &(at, bytes)): (usize, &(u32, u32))| {
            let end = at.checked_add(bytes).filter(|&end| end as usize <= flash.capacity());
            let is_apart = |&(other, others): &(u32, u32)| at >= other + others || at + bytes <= other;
            at.is_multiple_of(unit) && bytes.is_multiple_of(unit) && end.is_some() && parts.iter().take(i).all(is_apart)
        };
        if layout.slot_bytes <= PLAN_AT || !parts.iter().enumerate().all(is_sound) {
            return Err(Error::Layout);
        }
        let (journal, state) = Journal::load(&mut flash, layout.journal, unit);
        let state = state.unwrap_or(State::EMPTY);
        Ok(Self { flash, layout, config, journal, state, incoming: None })
    }

    /// The state as it is kept.
    pub fn state(&self) -> State {
        self.state
    }

    /// Gives the flash back.
    pub fn close(self) -> F {
        self.flash
    }

    /// Once after each reset: finds the plan to run, checked in full. A plan that was on trial for too many resets is
    /// rolled back; where the active plan is damaged, the one before it is taken. `None`: there is none.
    ///
    /// # Errors
    /// What the flash reports; the state is then as before.
    pub fn boot(&mut self, pause: &mut dyn FnMut()) -> Result<Option<Located>, Error> {
        let on_trial = match self.state.phase {
            Phase::Trial { slot, .. } => self.header(slot).map_or(0, |header| header.version),
            _ => 0,
        };
        let (state, boot) = self.state.boot(on_trial);
        self.keep(state)?;
        if let Boot::Trial(slot) = boot {
            if let Ok(plan) = self.check(slot, pause) {
                return Ok(Some(plan));
            }
            self.keep(self.state.roll_back(on_trial)?)?;
        }
        while let Some(slot) = self.state.active {
            if let Ok(plan) = self.check(slot, pause) {
                return Ok(Some(plan));
            }
            self.keep(self.state.revert().unwrap_or(self.state.lost()))?;
        }
        Ok(None)
    }

    /// A plan begins to come in, behind this header. Where the same plan was coming in before a reset, gives the number of
    /// its bytes that are there already, from which [`Updater::write`] goes on; else 0, with the slot erased.
    ///
    /// # Errors
    /// The header is not accepted, its plan does not fit or is not newer, or the flash reports an error.
    pub fn begin(&mut self, header: &[u8; HEADER_BYTES], pause: &mut dyn FnMut()) -> Result<u32, Error> {
        self.incoming = None;
        let parsed = Header::verify(header, self.config.keys, &self.config.product)?;
        let room = self.layout.slot_bytes - PLAN_AT;
        if parsed.plan_bytes > room {
            return Err(Error::TooLarge { needed: parsed.plan_bytes, room });
        }
        let (state, slot) = (self.state.begin(parsed.version)?, self.state.spare());
        let known = if self.state.phase == Phase::Receiving(slot) { self.raw_header(slot).ok() } else { None };
        let there = if known == Some(*header) { self.resume(slot, pause)? } else { None };
        let written = match there {
            Some(written) => written,
            None => {
                self.keep(state)?;
                self.prepare(slot, header, pause)?;
                0
            }
        };
        self.incoming = Some(Incoming { header: parsed, written, waiting: [0xff; RECORD], count: 0 });
        Ok(written)
    }

    /// The next bytes of the plan, any number of them.
    ///
    /// # Errors
    /// More bytes than the header tells, or what the flash reports: then [`Updater::begin`] has to be called again, with
    /// the same header, and tells where to go on.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let mut incoming = self.incoming.take().ok_or(Refusal::NotReceiving)?;
        let expected = incoming.header.plan_bytes;
        let received = u64::from(incoming.written) + incoming.count as u64 + bytes.len() as u64;
        if received > u64::from(expected) {
            let received = u32::try_from(received).unwrap_or(u32::MAX);
            return Err(Error::Length { expected, received });
        }
        let base = self.plan_offset(self.state.spare());
        while !bytes.is_empty() {
            // Whole records go to the flash as they come, others wait.
            let whole = bytes.len() - bytes.len() % RECORD;
            if incoming.count == 0 && whole > 0 {
                let (now, rest) = bytes.split_at_checked(whole).unwrap_or((bytes, &[]));
                self.flash.write(base + incoming.written, now)?;
                incoming.written += now.len() as u32;
                bytes = rest;
                continue;
            }
            let free = incoming.waiting.iter_mut().skip(incoming.count);
            let taken = free.zip(bytes).map(|(to, from)| *to = *from).count();
            incoming.count += taken;
            bytes = bytes.get(taken..).unwrap_or(&[]);
            if incoming.count == RECORD {
                self.flush(&mut incoming)?;
            }
        }
        self.incoming = Some(incoming);
        Ok(())
    }

    /// All of the plan has come: checks its digest. It is staged then, and has to be tested; see [`Updater::tested`].
    ///
    /// # Errors
    /// Bytes are missing (go on with [`Updater::write`]), the digest is wrong (the plan is given up), or what the flash
    /// reports.
    pub fn finish(&mut self, pause: &mut dyn FnMut()) -> Result<Located, Error> {
        let mut incoming = self.incoming.take().ok_or(Refusal::NotReceiving)?;
        let expected = incoming.header.plan_bytes;
        let received = incoming.written + incoming.count as u32;
        if received != expected {
            self.incoming = Some(incoming);
            return Err(Error::Length { expected, received });
        }
        if incoming.count > 0 {
            self.flush(&mut incoming)?;
        }
        match self.check(self.state.spare(), pause) {
            Ok(plan) => {
                self.keep(self.state.received()?)?;
                Ok(plan)
            }
            Err(error) => {
                self.keep(self.state.abandon()?)?;
                Err(error)
            }
        }
    }

    /// Gives up what was received or staged.
    ///
    /// # Errors
    /// A plan is on trial, or what the flash reports.
    pub fn abandon(&mut self) -> Result<(), Error> {
        self.incoming = None;
        self.keep(self.state.abandon()?)
    }

    /// The plan that waits for its test, checked in full.
    ///
    /// # Errors
    /// There is none, it is damaged, or what the flash reports.
    pub fn staged(&mut self, pause: &mut dyn FnMut()) -> Result<Located, Error> {
        match self.state.phase {
            Phase::Staged(slot) => self.check(slot, pause),
            _ => Err(Refusal::NotStaged.into()),
        }
    }

    /// The staged plan gave its golden outputs, so that it may be tried, or it did not and is given up.
    ///
    /// # Errors
    /// No plan is staged, or what the flash reports.
    pub fn tested(&mut self, passed: bool) -> Result<(), Error> {
        let version = self.version()?;
        self.keep(self.state.tested(passed, version, self.config.trial_boots)?)
    }

    /// The plan on trial does what it should: from now on it is active.
    ///
    /// # Errors
    /// None is on trial, or what the flash reports.
    pub fn confirm(&mut self) -> Result<(), Error> {
        let version = self.version()?;
        self.keep(self.state.confirm(version)?)
    }

    /// Gives up the plan on trial: call [`Updater::boot`] for the one to run.
    ///
    /// # Errors
    /// None is on trial, or what the flash reports.
    pub fn roll_back(&mut self) -> Result<(), Error> {
        let version = self.version()?;
        self.keep(self.state.roll_back(version)?)
    }

    /// Goes back to the plan that was active before: call [`Updater::boot`] for it.
    ///
    /// # Errors
    /// It is not there any more, or what the flash reports.
    pub fn revert(&mut self) -> Result<(), Error> {
        self.keep(self.state.revert()?)
    }

    /// Keeps a state, if it is another one.
    fn keep(&mut self, state: State) -> Result<(), Error> {
        if state != self.state {
            self.journal.store(&mut self.flash, &state)?;
            self.state = state;
        }
        Ok(())
    }

    /// The version in the slot that is not active.
    fn version(&mut self) -> Result<u64, Error> {
        let slot = self.state.spare();
        Ok(self.header(slot)?.version)
    }

    fn base(&self, slot: Slot) -> u32 {
        let [a, b] = self.layout.slots;
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }

    fn plan_offset(&self, slot: Slot) -> u32 {
        self.base(slot) + PLAN_AT
    }

    fn raw_header(&mut self, slot: Slot) -> Result<[u8; HEADER_BYTES], Error> {
        let mut bytes = [0; HEADER_BYTES];
        self.flash.read(self.base(slot), &mut bytes)?;
        Ok(bytes)
    }

    fn header(&mut self, slot: Slot) -> Result<Header, Error> {
        let bytes = self.raw_header(slot)?;
        Ok(Header::verify(&bytes, self.config.keys, &self.config.product)?)
    }

    /// Erases a slot and writes the header. It comes last: a slot with a header is erased behind it.
    fn prepare(&mut self, slot: Slot, header: &[u8; HEADER_BYTES], pause: &mut dyn FnMut()) -> Result<(), Error> {
        let (base, unit) = (self.base(slot), F::ERASE_SIZE as u32);
        for at in (base..base + self.layout.slot_bytes).step_by(F::ERASE_SIZE) {
            self.flash.erase(at, at + unit)?;
            pause();
        }
        self.flash.write(base, header)?;
        if self.raw_header(slot)? == *header { Ok(()) } else { Err(Error::Flash(FlashError::Verify)) }
    }

    /// How many bytes of the plan are there. The last unit with anything in it may have been cut off: it is erased. `None`
    /// where that is the header's.
    fn resume(&mut self, slot: Slot, pause: &mut dyn FnMut()) -> Result<Option<u32>, Error> {
        let (base, unit) = (self.base(slot), F::ERASE_SIZE as u32);
        for at in (base..base + self.layout.slot_bytes).step_by(F::ERASE_SIZE).rev() {
            let from = if at == base { base + PLAN_AT } else { at };
            let is_blank = self.is_blank(from, at + unit)?;
            pause();
            match (is_blank, at == base) {
                (true, false) => {}
                (true, true) => return Ok(Some(0)),
                (false, true) => return Ok(None),
                (false, false) => {
                    self.flash.erase(at, at + unit)?;
                    return Ok(Some(at - base - PLAN_AT));
                }
            }
        }
        Ok(None)
    }

    fn is_blank(&mut self, from: u32, to: u32) -> Result<bool, Error> {
        let mut record = [0; RECORD];
        for at in (from..to).step_by(RECORD) {
            self.flash.read(at, &mut record)?;
            if record != [0xff; RECORD] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes what waits, with ones behind it.
    fn flush(&mut self, incoming: &mut Incoming) -> Result<(), Error> {
        let at = self.plan_offset(self.state.spare()) + incoming.written;
        self.flash.write(at, &incoming.waiting)?;
        incoming.written += RECORD as u32;
        (incoming.waiting, incoming.count) = ([0xff; RECORD], 0);
        Ok(())
    }

    /// Checks header and digest of a slot.
    fn check(&mut self, slot: Slot, pause: &mut dyn FnMut()) -> Result<Located, Error> {
        let (header, offset) = (self.header(slot)?, self.plan_offset(slot));
        let room = self.layout.slot_bytes - PLAN_AT;
        if header.plan_bytes > room {
            return Err(Error::TooLarge { needed: header.plan_bytes, room });
        }
        let (mut sha, mut piece) = (Sha256::new(), [0; PIECE]);
        let (mut at, mut left) = (offset, header.plan_bytes as usize);
        while left > 0 {
            let count = left.min(PIECE);
            // Reads are of whole records, which the slot has room for.
            let whole = piece.get_mut(..count.next_multiple_of(RECORD)).ok_or(Error::Layout)?;
            self.flash.read(at, whole)?;
            sha.update(whole.get(..count).unwrap_or(whole));
            left -= count;
            at += PIECE as u32;
            if at.is_multiple_of(F::ERASE_SIZE as u32) || at % 4096 < PIECE as u32 {
                pause();
            }
        }
        if sha.finalize()[..] != header.digest {
            return Err(Error::Digest);
        }
        let is_on_trial = matches!(self.state.phase, Phase::Trial { slot: on_trial, .. } if on_trial == slot);
        Ok(Located { slot, offset, header, is_on_trial })
    }
}
