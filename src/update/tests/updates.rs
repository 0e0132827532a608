use std::vec::Vec;

use super::sim::{LAYOUT, PRODUCT, SECRET, Sim, UNIT, config, header, key, plan, receive};
use crate::{
    Config, Error, FlashError, HEADER_BYTES, Header, HeaderError, Layout, Located, Phase, Refusal, Slot, Updater,
};

type Flash = Sim<4>;

fn open<'k>(flash: Flash, keys: &'k [[u8; 32]]) -> Updater<'k, Flash> {
    Updater::open(flash, LAYOUT, config(keys)).expect("a sound layout")
}

fn bytes(updater: Updater<'_, Flash>, at: Located) -> (Vec<u8>, Flash) {
    let flash = updater.close();
    let at_len = at.offset as usize..at.offset as usize + at.header.plan_bytes as usize;
    (flash.bytes[at_len].to_vec(), flash)
}

/// Receives, tests and confirms.
fn install(updater: &mut Updater<'_, Flash>, version: u64) {
    receive(updater, version, 100)
        .and_then(|()| updater.tested(true))
        .and_then(|()| updater.confirm())
        .expect("a good plan");
}

#[test]
fn plans_replace_each_other() {
    let keys = [key()];
    let mut flash = Flash::used();
    for (version, size) in [(1, 1), (2, 31), (3, 32), (4, 33), (5, 5000), (6, 640)] {
        let mut updater = open(flash, &keys);
        let before = updater.boot(&mut || ()).expect("flash works");
        assert_eq!(before.map(|p| p.header.version), (version > 1).then_some(version - 1));
        receive(&mut updater, version, size).expect("a good plan");
        let staged = updater.staged(&mut || ()).expect("it is staged");
        assert_eq!((staged.header.version, staged.is_on_trial), (version, false));
        updater.tested(true).and_then(|()| updater.confirm()).expect("it passed");
        let now = updater.boot(&mut || ()).expect("flash works").expect("a plan");
        assert!(!now.is_on_trial && now.offset.is_multiple_of(64));
        let (found, used) = bytes(updater, now);
        assert!(found == plan(version), "version {version}");
        flash = used;
    }
}

#[test]
fn a_plan_on_trial_is_given_up_after_a_reset() {
    let keys = [key()];
    for boots in [0, 2] {
        let options = Config { trial_boots: boots, ..config(&keys) };
        let mut updater = open(Flash::used(), &keys);
        install(&mut updater, 1);
        let mut updater = Updater::open(updater.close(), LAYOUT, options).expect("a sound layout");
        receive(&mut updater, 2, 64).and_then(|()| updater.tested(true)).expect("a good plan");
        for _ in 0..boots {
            let plan = updater.boot(&mut || ()).expect("flash works").expect("a plan");
            assert_eq!((plan.header.version, plan.is_on_trial), (2, true));
        }
        let plan = updater.boot(&mut || ()).expect("flash works").expect("a plan");
        assert_eq!((plan.header.version, plan.is_on_trial, updater.state().rejected), (1, false, 2));
        assert_eq!(updater.confirm(), Err(Error::Refused(Refusal::NotOnTrial)));
    }
}

#[test]
fn a_failed_test_leaves_the_old_plan() {
    let keys = [key()];
    let mut updater = open(Flash::used(), &keys);
    install(&mut updater, 1);
    receive(&mut updater, 2, 64).and_then(|()| updater.tested(false)).expect("a good plan");
    assert_eq!(updater.state().rejected, 2);
    let plan = updater.boot(&mut || ()).expect("flash works").expect("a plan");
    assert_eq!(plan.header.version, 1);
    // It may be sent again.
    install(&mut updater, 2);
    updater.revert().expect("the first one is still there");
    let plan = updater.boot(&mut || ()).expect("flash works").expect("a plan");
    assert_eq!(plan.header.version, 1);
}

#[test]
fn a_damaged_plan_gives_way_to_the_one_before() {
    let keys = [key()];
    let mut updater = open(Flash::used(), &keys);
    install(&mut updater, 1);
    install(&mut updater, 2);
    let mut flash = updater.close();
    for (slot, left) in [(Slot::B, Some(1)), (Slot::A, None)] {
        flash.bytes[LAYOUT.slots[slot.index()] as usize + 500] ^= 1;
        let mut updater = open(flash, &keys);
        let found = updater.boot(&mut || ()).expect("flash works");
        assert_eq!(found.map(|p| p.header.version), left);
        flash = updater.close();
    }
    let mut updater = open(flash, &keys);
    assert!(matches!(
        receive(&mut updater, 1, 64),
        Err(Error::Refused(Refusal::NotNewer { version: 1, confirmed: 2 }))
    ));
    install(&mut updater, 2);
    assert_eq!(updater.boot(&mut || ()).expect("flash works").map(|p| p.header.version), Some(2));
}

#[test]
fn headers_that_are_not_ours_are_refused() {
    let keys = [Header::public_key(&[9; 32]), key()];
    let mut updater = open(Flash::used(), &keys);
    install(&mut updater, 1);
    let before = updater.state();
    let good = header(2);
    let mut refused = |at: usize, xor: u8| {
        let mut bytes = good;
        bytes[at] ^= xor;
        let error = updater.begin(&bytes, &mut || ()).expect_err("changed");
        assert_eq!(updater.state(), before);
        error
    };
    assert_eq!(refused(0, 1), Error::Header(HeaderError::Magic));
    assert_eq!(refused(8, 2), Error::Header(HeaderError::Format(3)));
    assert_eq!(refused(41, 1), Error::Header(HeaderError::Key));
    for at in (12..40).chain(48..HEADER_BYTES) {
        assert_eq!(refused(at, 1 << (at % 8)), Error::Header(HeaderError::Signature), "byte {at}");
    }
    let of = |secret: &[u8; 32], product, plan: &[u8]| Header::of(plan, 2, product).expect("short").sign(secret);
    let mut refused = |header| updater.begin(&header, &mut || ()).expect_err("not acceptable");
    assert_eq!(refused(of(&[8; 32], PRODUCT, &plan(2))), Error::Header(HeaderError::Key));
    assert_eq!(refused(of(&SECRET, [1; 16], &plan(2))), Error::Header(HeaderError::Product));
    let large = refused(of(&SECRET, PRODUCT, &[0; 4 * UNIT]));
    assert_eq!(large, Error::TooLarge { needed: 2048, room: 2048 - 192 });
    assert!(updater.begin(&of(&[9; 32], PRODUCT, &plan(2)), &mut || ()).is_ok(), "both keys count");
}

#[test]
fn bytes_that_are_not_what_was_signed_are_refused() {
    let keys = [key()];
    let mut updater = open(Flash::used(), &keys);
    assert_eq!(updater.write(&[1]), Err(Error::Refused(Refusal::NotReceiving)));
    let mut wrong = plan(1);
    wrong[77] ^= 4;
    updater.begin(&header(1), &mut || ()).and_then(|_| updater.write(&wrong[..1000])).expect("it may be right yet");
    let short = Error::Length { expected: wrong.len() as u32, received: 1000 };
    assert_eq!(updater.finish(&mut || ()).map(|_| ()), Err(short));
    updater.write(&wrong[1000..]).expect("the rest");
    assert_eq!(updater.finish(&mut || ()).map(|_| ()), Err(Error::Digest));
    assert_eq!(updater.state().phase, Phase::Idle);
    updater.begin(&header(1), &mut || ()).and_then(|_| updater.write(&plan(1))).expect("all of it");
    let long = Error::Length { expected: wrong.len() as u32, received: wrong.len() as u32 + 1 };
    assert_eq!(updater.write(&[0]), Err(long));
}

#[test]
fn a_cut_line_goes_on_where_it_was() {
    let keys = [key()];
    let mut updater = open(Flash::used(), &keys);
    updater.begin(&header(1), &mut || ()).and_then(|_| updater.write(&plan(1)[..900])).expect("most of it");
    let mut updater = open(updater.close(), &keys);
    let there = updater.begin(&header(1), &mut || ()).expect("the same");
    assert_eq!(there as usize, 2 * UNIT - 192, "what lies in the last unit that was begun is sent again");
    updater.write(&plan(1)[there as usize..]).and_then(|()| updater.finish(&mut || ()).map(|_| ())).expect("the rest");
    // Another one begins at its beginning.
    let mut updater = open(updater.close(), &keys);
    assert_eq!(updater.begin(&header(2), &mut || ()), Ok(0));
}

#[test]
fn layouts_that_cannot_be_are_refused() {
    let keys = [key()];
    let refused = |layout| matches!(Updater::open(Flash::used(), layout, config(&keys)), Err(Error::Layout));
    assert!(!refused(LAYOUT));
    assert!(refused(Layout { journal: 100, ..LAYOUT }));
    assert!(refused(Layout { journal: 4 * 512, ..LAYOUT }), "inside a slot");
    assert!(refused(Layout { slots: [512, 4 * 512], ..LAYOUT }));
    assert!(refused(Layout { slots: [512, 9 * 512], ..LAYOUT }), "beyond the end");
    assert!(refused(Layout { slots: [512, u32::MAX - 511], ..LAYOUT }));
    assert!(refused(Layout { slot_bytes: 0, ..LAYOUT }));
}

#[test]
fn worn_flash_is_noticed() {
    /// Forgets the first bit of each write.
    struct Worn(Flash);
    use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
    impl ErrorType for Worn {
        type Error = super::sim::SimError;
    }
    impl ReadNorFlash for Worn {
        const READ_SIZE: usize = 4;
        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
            self.0.read(offset, bytes)
        }
        fn capacity(&self) -> usize {
            self.0.capacity()
        }
    }
    impl NorFlash for Worn {
        const WRITE_SIZE: usize = 4;
        const ERASE_SIZE: usize = UNIT;
        fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
            self.0.erase(from, to)
        }
        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
            self.0.write(offset, bytes)?;
            self.0.bytes[offset as usize] ^= 1;
            Ok(())
        }
    }
    let keys = [key()];
    let mut updater = Updater::open(Worn(Flash::used()), LAYOUT, config(&keys)).expect("a sound layout");
    assert_eq!(receive(&mut updater, 1, 64), Err(Error::Flash(FlashError::Verify)));
}
