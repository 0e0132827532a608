use crate::state::{Boot, Phase, Refusal, Slot, State};

/// A device that runs version 3 in slot B, with version 2 before it.
const RUNS: State = State { active: Some(Slot::B), phase: Phase::Idle, has_previous: true, confirmed: 3, rejected: 0 };

#[test]
fn the_way_of_a_plan() {
    let state = RUNS.begin(4).and_then(State::received).expect("version 4 comes");
    assert_eq!((state.phase, state.has_previous), (Phase::Staged(Slot::A), false));
    assert_eq!(state.boot(0), (state, Boot::Active(Slot::B)));
    let state = state.tested(true, 4, 1).expect("it is staged");
    let (state, boot) = state.boot(4);
    assert_eq!(boot, Boot::Trial(Slot::A));
    assert_eq!(state.boot(4).1, Boot::Active(Slot::B), "one reset was allowed");
    let state = state.confirm(4).expect("it is on trial");
    assert_eq!(state.boot(0), (state, Boot::Active(Slot::A)));
    assert_eq!((state.confirmed, state.spare(), state.has_previous), (4, Slot::B, true));
    assert_eq!(state.revert().map(|s| s.active), Ok(Some(Slot::B)));
}

#[test]
fn what_fails_is_remembered() {
    let staged = RUNS.begin(9).and_then(State::received).expect("version 9 comes");
    let failed = staged.tested(false, 9, 0).expect("it is staged");
    assert_eq!((failed.boot(0).1, failed.rejected, failed.phase), (Boot::Active(Slot::B), 9, Phase::Idle));
    let (reset, boot) = staged.tested(true, 9, 0).expect("it is staged").boot(9);
    assert_eq!((boot, reset.rejected, reset.phase), (Boot::Active(Slot::B), 9, Phase::Idle));
    let rolled = staged.tested(true, 9, 5).and_then(|s| s.roll_back(9)).expect("it is on trial");
    assert_eq!((rolled.active, rolled.rejected, rolled.confirmed), (Some(Slot::B), 9, 3));
}

#[test]
fn each_step_has_its_phase() {
    assert_eq!(RUNS.begin(3), Err(Refusal::NotNewer { version: 3, confirmed: 3 }));
    assert_eq!(RUNS.lost().begin(3).map(|s| s.phase), Ok(Phase::Receiving(Slot::A)), "lost plans may come again");
    assert_eq!(RUNS.lost().begin(2), Err(Refusal::NotNewer { version: 2, confirmed: 3 }));
    assert_eq!(RUNS.received(), Err(Refusal::NotReceiving));
    assert_eq!(RUNS.tested(true, 1, 1), Err(Refusal::NotStaged));
    assert_eq!(RUNS.confirm(1), Err(Refusal::NotOnTrial));
    assert_eq!(RUNS.roll_back(1), Err(Refusal::NotOnTrial));
    let trial = RUNS.begin(4).and_then(State::received).and_then(|s| s.tested(true, 4, 0)).expect("a trial");
    assert_eq!(trial.begin(5), Err(Refusal::OnTrial));
    assert_eq!(trial.abandon(), Err(Refusal::OnTrial));
    assert_eq!(trial.confirm(4).and_then(State::revert).and_then(State::revert), Err(Refusal::NoPrevious));
    assert_eq!(State::EMPTY.boot(0), (State::EMPTY, Boot::Nothing));
}

#[test]
fn bytes_are_states_or_nothing() {
    let slots = [None, Some(Slot::A), Some(Slot::B)];
    for active in slots {
        let spare = State { active, ..State::EMPTY }.spare();
        let trial = |boots_left| Phase::Trial { slot: spare, boots_left };
        for phase in [Phase::Idle, Phase::Receiving(spare), Phase::Staged(spare), trial(0), trial(200)] {
            for has_previous in [false, true] {
                let state = State { active, phase, has_previous, confirmed: u64::MAX - 5, rejected: 1 << 40 };
                assert_eq!(State::from_bytes(&state.to_bytes()), Some(state));
            }
        }
    }
    let with = |at: usize, byte| {
        let mut bytes = RUNS.to_bytes();
        bytes[at] = byte;
        State::from_bytes(&bytes)
    };
    assert_eq!([with(0, 2), with(1, 4), with(1, 32), with(2, 2)], [None; 4]);
    let active_on_trial = State { phase: Phase::Staged(Slot::B), ..RUNS };
    assert_eq!(State::from_bytes(&active_on_trial.to_bytes()), None, "the active slot is not written to");
}
