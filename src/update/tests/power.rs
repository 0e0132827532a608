//! The power is cut at every word that is written and every unit that is erased, again and again.

use super::sim::{LAYOUT, Sim, config, header, key, plan};
use crate::{Error, Located, Phase, Updater};

/// One life of a device, from reset to reset: runs what there is, goes on receiving `target`, tests it, confirms it.
fn live<const W: usize>(
    updater: &mut Updater<'_, Sim<W>>,
    target: u64,
    seen: &mut dyn FnMut(Located),
) -> Result<(), Error> {
    if let Some(plan) = updater.boot(&mut || ())? {
        seen(plan);
        if plan.is_on_trial {
            updater.confirm()?;
        }
    }
    if updater.state().confirmed >= target {
        return Ok(());
    }
    if !matches!(updater.state().phase, Phase::Staged(_)) {
        let there = updater.begin(&header(target), &mut || ())? as usize;
        for piece in plan(target).get(there..).unwrap_or(&[]).chunks(100) {
            updater.write(piece)?;
        }
        updater.finish(&mut || ())?;
    }
    updater.staged(&mut || ())?;
    updater.tested(true)?;
    let on_trial = updater.staged(&mut || ()).is_err();
    assert!(on_trial, "what was tested is not tested again");
    updater.confirm()
}

/// Lives until the power is cut.
fn live_until_cut<const W: usize>(flash: Sim<W>, target: u64, must_be: &[u64]) -> Sim<W> {
    let keys = [key()];
    let mut updater = Updater::open(flash, LAYOUT, config(&keys)).expect("a sound layout");
    let mut seen = |found: Located| assert!(must_be.contains(&found.header.version), "{found:?}");
    let _ = live(&mut updater, target, &mut seen);
    updater.close()
}

/// What runs after a reset with power that stays on.
fn runs<const W: usize>(flash: &Sim<W>) -> Option<u64> {
    let keys = [key()];
    let mut updater = Updater::open(flash.clone(), LAYOUT, config(&keys)).expect("a sound layout");
    let found = updater.boot(&mut || ()).expect("the power stays on")?;
    let flash = updater.close();
    let (at, version) = (found.offset as usize, found.header.version);
    assert!(flash.bytes[at..].starts_with(&plan(version)), "the bytes are those of version {version}");
    Some(version)
}

fn installed<const W: usize>(versions: u64) -> Sim<W> {
    let mut flash = Sim::used();
    for version in 1..=versions {
        let before: &[u64] = &[version - 1];
        flash = live_until_cut(flash, version, before);
        assert_eq!(runs(&flash), Some(version));
    }
    flash
}

fn every_cut<const W: usize>() {
    // Enough versions that the journal changes its unit in some of the updates.
    for old in [0, 1, 3, 4] {
        let before = installed::<W>(old);
        let mut cuts = 0;
        for power in 0.. {
            let mut flash = before.clone();
            flash.power = Some(power);
            flash = live_until_cut(flash, old + 1, &[old]);
            if flash.is_on {
                break;
            }
            cuts += 1;
            (flash.is_on, flash.power) = (true, None);
            let found = runs(&flash);
            let allowed = [(old > 0).then_some(old), Some(old + 1)];
            assert!(allowed.contains(&found), "cut {power} of the update from {old}: {found:?} runs");
            // It goes on, and ends well.
            let mut lives = 0;
            while runs(&flash) != Some(old + 1) {
                flash = live_until_cut(flash, old + 1, &[old, old + 1]);
                lives += 1;
                assert!(lives < 4, "cut {power} of the update from {old} is not recovered from");
            }
        }
        assert!(cuts > 1000 / W, "an update of {cuts} operations");
    }
}

#[test]
fn words_of_4_bytes() {
    every_cut::<4>();
}

#[test]
fn words_of_32_bytes() {
    every_cut::<32>();
}

#[test]
fn the_power_is_cut_again_and_again() {
    // Each life is a little longer than the one before it; what was received is not received again.
    let mut flash = installed::<8>(1);
    let mut lives = 0;
    for power in 3.. {
        (flash.is_on, flash.power) = (true, Some(power));
        flash = live_until_cut(flash, 2, &[1, 2]);
        (flash.is_on, flash.power) = (true, None);
        let found = runs(&flash).expect("there is always a plan");
        lives += 1;
        if found == 2 {
            break;
        }
    }
    assert!(lives > 5, "{lives} lives");
}

#[test]
fn units_wear_evenly() {
    let flash = installed::<4>(20);
    let journal = LAYOUT.journal as usize / super::sim::UNIT;
    let (a, b) = (flash.wear[journal], flash.wear[journal + 1]);
    assert!(a.abs_diff(b) <= 1 && a > 1, "the journal's units: {a} and {b} erasures");
}
