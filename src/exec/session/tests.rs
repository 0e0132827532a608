use core::cell::Cell;
use std::vec::Vec;

use coulter_plan::ops::copy;
use coulter_plan::{DType, OpCode, Plan, PlanError};

use crate::testing::Draft;
use crate::{AlignedBytes, BindError, Clock, Progress, Resolver, Session, SessionOptions, resolver};

/// Counts how often it was asked.
struct Ticks(Cell<u64>);

impl Clock for Ticks {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// Copies 4 bytes three times; a graph input and output is the whole arena.
fn copies() -> AlignedBytes {
    let mut draft = Draft::new();
    let mut x = draft.filled(DType::U8, &[4], &[1, 2, 3, 4]);
    for _ in 0..3 {
        let y = draft.room(DType::U8, &[4]);
        draft.step(&copy::Params {}, &[Some(x)], &[Some(y)]);
        x = y;
    }
    draft.finish().0
}

const COPIES: Resolver = resolver![copy, table];

fn tables_and_none<'m>(plan: Plan<'m>, arena: &'m mut [u8]) -> [Session<'m>; 2] {
    let options = || SessionOptions::new(COPIES);
    [Session::new(plan, options()).unwrap(), Session::bind(plan, arena, options()).unwrap()]
}

#[test]
fn a_run_that_was_paused_goes_on_where_it_stopped() {
    let file = copies();
    let plan = Plan::parse(&file).unwrap();
    let mut arena = AlignedBytes::zeroed(plan.arena_bytes());
    for mut session in tables_and_none(plan, &mut arena) {
        session.input_mut(0)[..4].copy_from_slice(&[5, 6, 7, 8]);
        let clock = Ticks(Cell::new(0));
        assert_eq!(session.run_until(&clock, 0), Ok(Progress::Paused { next: 1 }));
        assert_eq!(session.run_until(&clock, 0), Ok(Progress::Paused { next: 2 }));
        let starts: Vec<u8> = session.output(0).chunks(64).map(|tensor| tensor[0]).collect();
        assert_eq!(starts, [5, 5, 5, 0]);
        assert_eq!(session.run_until(&clock, u64::MAX), Ok(Progress::Done));
        assert_eq!(session.output(0)[192..196], [5, 6, 7, 8]);
        session.run_until(&clock, 0).unwrap();
        session.reset();
        assert_eq!(session.run_until(&clock, 0), Ok(Progress::Paused { next: 1 }));
    }
}

#[test]
fn ports_that_are_not_there_are_none() {
    let file = copies();
    let plan = Plan::parse(&file).unwrap();
    let mut arena = AlignedBytes::zeroed(plan.arena_bytes());
    for mut session in tables_and_none(plan, &mut arena) {
        assert!(session.try_input_mut(0).is_some() && session.try_input_mut(1).is_none());
        assert!(session.try_output(0).is_some() && session.try_output(1).is_none());
    }
}

#[test]
fn a_plan_with_an_operator_that_is_not_linked_is_refused() {
    let file = copies();
    assert!(COPIES.parse(&file).is_ok());
    let error = PlanError::UnknownOp { step: 0, code: OpCode::Copy as u16 };
    assert_eq!(resolver![table].parse(&file).err(), Some(error));
    assert!(COPIES.parse(&file[..64]).is_err());
}

#[test]
fn what_cannot_run_cannot_be_bound() {
    let file = copies();
    let plan = Plan::parse(&file).unwrap();
    let unresolved = || Some(BindError::Unresolved { step: 0, op: OpCode::Copy });
    let mut arena = AlignedBytes::zeroed(plan.arena_bytes() + 64);
    let mut bind = |range: core::ops::Range<usize>, resolver| {
        Session::bind(plan, &mut arena[range], SessionOptions::new(resolver)).err()
    };
    let whole = plan.arena_bytes();
    assert_eq!(bind(0..whole, resolver![table]), unresolved());
    assert_eq!(bind(0..whole - 1, COPIES), Some(BindError::ArenaTooSmall { needed: whole, given: whole - 1 }));
    assert_eq!(bind(1..whole + 1, COPIES), Some(BindError::ArenaUnaligned));
    assert_eq!(bind(0..whole, COPIES), None);
    assert_eq!(Session::new(plan, SessionOptions::new(resolver![])).err(), unresolved());
}
