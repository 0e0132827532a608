//! The machine of slots, without input or output.

use core::fmt;

use crate::header::Fields;

/// Bytes of a state as it is kept.
pub(crate) const STATE_BYTES: usize = 20;

/// One of the two places for plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// 0 or 1.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What goes on in the slot that is not active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Phase {
    /// Nothing.
    Idle,
    /// A plan comes in.
    Receiving(Slot),
    /// A plan is there, its digest is right; the device has to test it.
    Staged(Slot),
    /// A plan passed its test and runs; it is not confirmed yet.
    Trial {
        /// Where it lies.
        slot: Slot,
        /// How many resets it may still survive.
        boots_left: u8,
    },
}

/// Which plan is active, what becomes of the other, and which versions may come.
///
/// Kept as little-endian bytes: active slot (0, 1 or 255), phase (0 to 3, and 16 if there is a previous plan), its slot,
/// resets left, confirmed version (u64), rejected version (u64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct State {
    /// The slot whose plan was confirmed last.
    pub active: Option<Slot>,
    /// What goes on in the other.
    pub phase: Phase,
    /// Whether the other slot still holds the plan that was active before.
    pub has_previous: bool,
    /// The greatest version that was confirmed.
    pub confirmed: u64,
    /// The version that was rolled back last; 0 for none.
    pub rejected: u64,
}

/// What to run after a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Boot {
    /// The plan of this slot, which is active.
    Active(Slot),
    /// The plan of this slot, which is on trial: confirm it once it does what it should.
    Trial(Slot),
    /// No slot holds a plan.
    Nothing,
}

/// Why the state does not allow a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal {
    /// The version is not above what was confirmed.
    NotNewer {
        /// The version that came.
        version: u64,
        /// The greatest one that was confirmed.
        confirmed: u64,
    },
    /// A plan is on trial: confirm it or roll it back first.
    OnTrial,
    /// No plan is being received.
    NotReceiving,
    /// No plan waits for its test.
    NotStaged,
    /// No plan is on trial.
    NotOnTrial,
    /// The plan that was active before is not there any more.
    NoPrevious,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNewer { version, confirmed } => {
                write!(f, "version {version} is not above version {confirmed}, which was confirmed before")
            }
            Self::OnTrial => f.write_str("a plan is on trial: confirm it or roll it back first"),
            Self::NotReceiving => f.write_str("no plan is being received"),
            Self::NotStaged => f.write_str("no plan waits for its test"),
            Self::NotOnTrial => f.write_str("no plan is on trial"),
            Self::NoPrevious => f.write_str("the plan that was active before is not there any more"),
        }
    }
}

impl core::error::Error for Refusal {}

impl State {
    /// Of a device that never had a plan.
    pub const EMPTY: Self = Self { active: None, phase: Phase::Idle, has_previous: false, confirmed: 0, rejected: 0 };

    /// The slot that a new plan goes to.
    pub fn spare(&self) -> Slot {
        self.active.map_or(Slot::A, Slot::other)
    }

    /// A plan begins to come in. What was received or staged before is given up.
    ///
    /// # Errors
    /// [`Refusal::NotNewer`], [`Refusal::OnTrial`].
    pub fn begin(self, version: u64) -> Result<Self, Refusal> {
        if matches!(self.phase, Phase::Trial { .. }) {
            return Err(Refusal::OnTrial);
        }
        // The same version may replace a plan that was lost.
        if version < self.confirmed || version == self.confirmed && self.active.is_some() {
            return Err(Refusal::NotNewer { version, confirmed: self.confirmed });
        }
        Ok(Self { phase: Phase::Receiving(self.spare()), has_previous: false, ..self })
    }

    /// All of the plan is there, and its digest is right.
    ///
    /// # Errors
    /// [`Refusal::NotReceiving`].
    pub fn received(self) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Receiving(slot) => Ok(Self { phase: Phase::Staged(slot), ..self }),
            _ => Err(Refusal::NotReceiving),
        }
    }

    /// What was received or staged is given up.
    ///
    /// # Errors
    /// [`Refusal::OnTrial`].
    pub fn abandon(self) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Trial { .. } => Err(Refusal::OnTrial),
            _ => Ok(Self { phase: Phase::Idle, ..self }),
        }
    }

    /// The staged plan of this version passed its test, and may survive so many resets before it is confirmed; or it
    /// failed and is given up.
    ///
    /// # Errors
    /// [`Refusal::NotStaged`].
    pub fn tested(self, passed: bool, version: u64, boots: u8) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Staged(slot) if passed => Ok(Self { phase: Phase::Trial { slot, boots_left: boots }, ..self }),
            Phase::Staged(_) => Ok(Self { phase: Phase::Idle, rejected: version, ..self }),
            _ => Err(Refusal::NotStaged),
        }
    }

    /// The plan on trial, of this version, does what it should: it is active from now on.
    ///
    /// # Errors
    /// [`Refusal::NotOnTrial`].
    pub fn confirm(self, version: u64) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Trial { slot, .. } => Ok(Self {
                active: Some(slot),
                phase: Phase::Idle,
                has_previous: self.active.is_some(),
                confirmed: self.confirmed.max(version),
                ..self
            }),
            _ => Err(Refusal::NotOnTrial),
        }
    }

    /// The plan on trial, of this version, is given up.
    ///
    /// # Errors
    /// [`Refusal::NotOnTrial`].
    pub fn roll_back(self, version: u64) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Trial { .. } => Ok(Self { phase: Phase::Idle, rejected: version, ..self }),
            _ => Err(Refusal::NotOnTrial),
        }
    }

    /// The active plan turned out to be damaged, or is not wanted any more: the one before it is active again.
    ///
    /// # Errors
    /// [`Refusal::NoPrevious`].
    pub fn revert(self) -> Result<Self, Refusal> {
        match self.active {
            Some(slot) if self.has_previous => Ok(Self { active: Some(slot.other()), has_previous: false, ..self }),
            _ => Err(Refusal::NoPrevious),
        }
    }

    /// The active plan is damaged, and there is none before it.
    #[must_use]
    pub fn lost(self) -> Self {
        Self { active: None, has_previous: false, ..self }
    }

    /// After a reset: what becomes of the state, and what to run. `on_trial` is the version of the plan on trial.
    pub fn boot(self, on_trial: u64) -> (Self, Boot) {
        let state = match self.phase {
            Phase::Trial { slot, boots_left } if boots_left > 0 => {
                let phase = Phase::Trial { slot, boots_left: boots_left - 1 };
                return (Self { phase, ..self }, Boot::Trial(slot));
            }
            Phase::Trial { .. } => Self { phase: Phase::Idle, rejected: on_trial, ..self },
            _ => self,
        };
        (state, state.active.map_or(Boot::Nothing, Boot::Active))
    }

    pub(crate) fn to_bytes(self) -> [u8; STATE_BYTES] {
        let (phase, slot, boots) = match self.phase {
            Phase::Idle => (0, 0, 0),
            Phase::Receiving(slot) => (1, slot as u8, 0),
            Phase::Staged(slot) => (2, slot as u8, 0),
            Phase::Trial { slot, boots_left } => (3, slot as u8, boots_left),
        };
        let head = [self.active.map_or(255, |slot| slot as u8), phase | u8::from(self.has_previous) << 4, slot, boots];
        let mut bytes = [0; STATE_BYTES];
        let all = head.into_iter().chain(self.confirmed.to_le_bytes()).chain(self.rejected.to_le_bytes());
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; STATE_BYTES]) -> Option<Self> {
        let [active, phase, slot, boots_left, ..] = *bytes;
        let slot_of = |byte| [Slot::A, Slot::B].into_iter().find(|slot| *slot as u8 == byte);
        let active = if active == 255 { None } else { Some(slot_of(active)?) };
        let slot = slot_of(slot)?;
        let has_previous = phase & 16 != 0;
        let phase = match phase & !16 {
            0 => Phase::Idle,
            1 => Phase::Receiving(slot),
            2 => Phase::Staged(slot),
            3 => Phase::Trial { slot, boots_left },
            _ => return None,
        };
        let number = |at| u64::from_le_bytes(Fields(bytes).bytes(at));
        let state = Self { active, phase, has_previous, confirmed: number(4), rejected: number(12) };
        // What is in the making never lies in the active slot.
        let spare = !matches!(phase, Phase::Receiving(s) | Phase::Staged(s) | Phase::Trial { slot: s, .. } if active == Some(s));
        spare.then_some(state)
    }
}
