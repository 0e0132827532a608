//! Plans that were damaged on purpose: each is refused or runs to its end, whatever it computes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use coulter_exec::{Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::Plan;

use crate::{engine, golden};

const MUTANTS: usize = 1500;
/// Damaged plans may ask for any amount of memory; a device gives what it has.
const MEMORY: usize = 64 << 20;
/// Longest time for one plan.
const LIMIT: Duration = Duration::from_secs(30);

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

/// Parses, binds and runs; tells how far it came.
fn attack(bytes: &[u8], isas: IsaSet) -> &'static str {
    let bytes = engine::aligned(bytes);
    let Ok(plan) = Plan::parse(&bytes) else { return "refused" };
    if plan.arena_bytes().saturating_add(plan.state_bytes()) > MEMORY {
        return "too large";
    }
    let options = SessionOptions { isas, ..SessionOptions::default() };
    let Ok(mut session) = Session::new(plan, options) else { return "not bound" };
    for i in 0..plan.input_count() {
        session.input_mut(i).fill(0x3f);
    }
    if session.run().is_err() { "stopped" } else { "ran" }
}

/// Where numbers decide most: the header and the tables, not the weights.
fn position(random: &mut Random, len: usize) -> usize {
    match random.below(4) {
        0 => random.below(len.min(256)),
        1 => random.below(len),
        _ => random.below(len.min(16 << 10)),
    }
}

fn mutant(plan: &[u8], seed: usize) -> Vec<u8> {
    let mut random = Random((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let mut bytes = plan.to_vec();
    for _ in 0..=random.below(4) {
        let at = position(&mut random, bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => bytes[at] = random.below(256) as u8,
            _ => {
                let word = at & !3;
                let value = [0, 1, 2, u32::MAX, i32::MAX as u32, 1 << 31, 1 << 16][random.below(7)];
                if let Some(place) = bytes.get_mut(word..word + 4) {
                    place.copy_from_slice(&value.to_le_bytes());
                }
            }
        }
    }
    bytes
}

/// Runs all attacks of a model in a thread and fails if one of them does not end.
fn attack_all(model: &str, isas: IsaSet, count: usize, make: impl Fn(&[u8], usize) -> Vec<u8> + Send + 'static) {
    let plan = golden::plan(model);
    let (sender, receiver) = mpsc::channel();
    let current = Arc::new(AtomicUsize::new(0));
    let worker = std::thread::spawn({
        let current = current.clone();
        move || {
            for i in 0..count {
                current.store(i, Ordering::Relaxed);
                let outcome = attack(&make(&plan, i), isas);
                if sender.send(outcome).is_err() {
                    return;
                }
            }
        }
    });
    let mut refused = 0;
    for _ in 0..count {
        match receiver.recv_timeout(LIMIT) {
            Ok("ran") => {}
            Ok(_) => refused += 1,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("{model}: plan {} does not end", current.load(Ordering::Relaxed))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                panic!("{model}: plan {} panics: {:?}", current.load(Ordering::Relaxed), worker.join().err().map(text))
            }
        }
    }
    assert!(refused > 0, "{model}: no damage was noticed");
}

fn text(cause: Box<dyn std::any::Any + Send>) -> String {
    let str = cause.downcast_ref::<&str>().map(ToString::to_string);
    str.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[test]
fn damaged_plans_are_refused_or_run() {
    for (model, ..) in golden::MODELS {
        for isas in [IsaSet::GENERIC, IsaSet::detect()] {
            attack_all(model, isas, MUTANTS, mutant);
        }
    }
}

#[test]
fn cut_plans_are_refused() {
    for (model, ..) in golden::MODELS {
        let plan = golden::plan(model);
        for i in 0..200 {
            let cut = &plan[..plan.len() * i / 200];
            assert_eq!(attack(cut, IsaSet::GENERIC), "refused", "{model} cut to {} bytes", cut.len());
        }
    }
}
