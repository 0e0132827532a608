//! Mutated plans: nothing panics or hangs, and what still parses is sound.

use std::vec::Vec;

use proptest::prelude::*;

use super::checker::assert_sound;
use super::samples::{self, Aligned};
use crate::format::{HEADER_BYTES, MAGIC};
use crate::plan::u32_at;
use crate::{Plan, PlanError};

/// Of how many places one is changed. Every one, but on processors that are mostly emulated: what is tested is the same
/// code everywhere.
const ONE_OF: usize = if cfg!(target_arch = "x86_64") { 1 } else { 37 };

fn corpus() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = samples::all().into_iter().map(|(_, bytes)| bytes).collect();
    all.extend([samples::full(), samples::overlapping()]);
    all
}

fn judge(bytes: &[u8]) -> Result<(), PlanError> {
    Plan::parse(bytes).map(|plan| assert_sound(&plan))
}

/// Values at which checks tend to be wrong, and neighbours of what was there.
fn interesting(old: u32) -> impl Iterator<Item = u32> {
    let fixed = [
        0,
        1,
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        15,
        16,
        17,
        31,
        32,
        63,
        64,
        65,
        127,
        128,
        129,
        255,
        256,
        1 << 10,
        1 << 16,
        1 << 20,
        (1 << 30) - 1,
        1 << 30,
        0x3fff_fff0,
        0x7fff_fffe,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0xffff_0000,
        0xffff_fff0,
        0xffff_fffe,
        0xffff_ffff,
    ];
    let near = [old.wrapping_add(1), old.wrapping_sub(1), old.wrapping_mul(2), old / 2, !old, old.swap_bytes()];
    fixed.into_iter().chain(near)
}

/// Bytes of the file that are not constants: every record field is among them.
fn structure(bytes: &[u8]) -> core::ops::Range<usize> {
    let plan = Plan::parse(bytes).expect("samples parse");
    let weights = plan.weights();
    let end = if weights.is_empty() { bytes.len() } else { weights.as_ptr().addr() - bytes.as_ptr().addr() };
    0..end & !3
}

#[test]
fn every_field_with_interesting_values() {
    let mut accepted = 0;
    for sample in corpus() {
        let mut bytes = Aligned::new(&sample);
        for at in structure(&bytes).step_by(4 * ONE_OF) {
            let old = u32_at(&bytes, at);
            for value in interesting(old) {
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
                accepted += usize::from(judge(&bytes).is_ok());
            }
            bytes[at..at + 4].copy_from_slice(&old.to_le_bytes());
        }
    }
    assert!(accepted > 1000 / ONE_OF, "mutations reach past the checks: {accepted}");
}

#[test]
fn every_byte_with_every_bit_flipped() {
    for sample in corpus() {
        let mut bytes = Aligned::new(&sample);
        for at in structure(&bytes).step_by(ONE_OF) {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                let _ = judge(&bytes);
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn every_truncation() {
    for sample in corpus() {
        for length in 0..sample.len().min(2000) {
            let mut cut = Aligned::new(&sample[..length]);
            assert!(judge(&cut).is_err());
            if length >= 24 {
                cut[16..24].copy_from_slice(&(length as u64).to_le_bytes());
                let _ = judge(&cut);
            }
        }
    }
}

/// Repairs what the header tells of the file, so that a mutation is not found by its length alone.
fn repair(bytes: &mut [u8]) {
    if bytes.len() >= HEADER_BYTES {
        let length = bytes.len() as u64;
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[16..24].copy_from_slice(&length.to_le_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if ONE_OF == 1 { 2000 } else { 200 }))]

    #[test]
    fn random_bytes(body in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut file = Vec::from(MAGIC);
        file.extend([1, 0, 0, 0]);
        file.extend(body);
        let mut bytes = Aligned::new(&file);
        let _ = judge(&bytes);
        repair(&mut bytes);
        let _ = judge(&bytes);
    }

    #[test]
    fn random_words(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>(), 0usize..42), 1..6),
    ) {
        let corpus = corpus();
        let mut bytes = Aligned::new(&corpus[which.index(corpus.len())]);
        let words = structure(&bytes).len() / 4;
        for (place, random, choice) in changes {
            let at = place.index(words) * 4;
            let value = interesting(u32_at(&bytes, at)).nth(choice).unwrap_or(random);
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        let _ = judge(&bytes);
    }

    #[test]
    fn splices(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        source in any::<prop::sample::Index>(),
        target in any::<prop::sample::Index>(),
        blocks in 1usize..40,
    ) {
        let corpus = corpus();
        let (from, to) = (&corpus[from.index(corpus.len())], &corpus[to.index(corpus.len())]);
        let mut bytes = Aligned::new(to);
        let (source, target) = (source.index(from.len()) & !3, target.index(to.len()) & !3);
        let length = (blocks * 8).min(from.len() - source).min(to.len() - target);
        bytes[target..target + length].copy_from_slice(&from[source..source + length]);
        repair(&mut bytes);
        let _ = judge(&bytes);
    }
}
