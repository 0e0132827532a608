use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{ENTRIES, KERNELS, TableKernel};
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, merge, random_dims};
use crate::{IsaSet, Parallel, SingleThread, ViewMut};

fn kernels() -> impl Iterator<Item = &'static TableKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("table", &offered, &covered);
}

fn bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

fn table(rng: &mut Rng) -> [u8; ENTRIES] {
    core::array::from_fn(|_| rng.next_u64() as u8)
}

const UNTOUCHED: u8 = 0xa5;

#[test]
fn any_strides() {
    let mut rng = Rng::new(1);
    for _ in 0..300 {
        let dims = random_dims(&mut rng);
        let (from, to) = (Layout::random_broadcast(&mut rng, &dims), Layout::random(&mut rng, &dims));
        let (x, table) = (bytes(&mut rng, from.buffer_len()), table(&mut rng));
        let mut expected = vec![UNTOUCHED; to.buffer_len()];
        for (place, x) in to.places().into_iter().zip(from.read(&x)) {
            expected[place] = table[usize::from(x)];
        }
        for kernel in kernels() {
            for (parallel, merged) in [(&SingleThread as &dyn Parallel, false), (&Backwards(4), true)] {
                let mut buffer = vec![UNTOUCHED; to.buffer_len()];
                let (y, x) = (to.view_mut(&mut buffer), from.view(&x));
                let (mut y, x) = if merged { merge!(y, x) } else { (y, x) };
                kernel.run(&table, &x, &mut y, parallel);
                assert!(buffer == expected, "{}: {from:?} to {to:?}", kernel.name);
            }
        }
    }
}

#[test]
fn in_place_and_of_every_length() {
    let mut rng = Rng::new(2);
    for len in (1..140).chain([255, 256, 257, 300, 511, 640, 1001]) {
        let (mut x, table) = (bytes(&mut rng, len), table(&mut rng));
        // Every byte occurs in the long ones.
        for (i, x) in x.iter_mut().enumerate().take(256).skip(usize::from(len < 256) * 256) {
            *x = i as u8;
        }
        let expected: Vec<u8> = x.iter().map(|&x| table[usize::from(x)]).collect();
        for kernel in kernels() {
            let mut y = x.clone();
            let mut view = ViewMut::dense(&mut y, &[len]);
            // SAFETY: the same elements, one by one.
            let same = unsafe { crate::View::from_raw(view.as_ptr().cast_const(), &[len], &[1]) };
            kernel.run(&table, &same, &mut view, &SingleThread);
            assert!(y == expected, "{} {len}", kernel.name);
        }
    }
}

#[test]
fn a_table_for_each_channel() {
    let mut rng = Rng::new(3);
    for _ in 0..100 {
        let mut dims = random_dims(&mut rng);
        dims.truncate(7);
        dims.push(rng.in_range(1..=6));
        let channels = dims[dims.len() - 1];
        let (from, to) = (Layout::random(&mut rng, &dims), Layout::random(&mut rng, &dims));
        let (x, tables) = (bytes(&mut rng, from.buffer_len()), bytes(&mut rng, ENTRIES * channels));
        let mut expected = vec![UNTOUCHED; to.buffer_len()];
        for (i, (place, x)) in to.places().into_iter().zip(from.read(&x)).enumerate() {
            expected[place] = tables[i % channels * ENTRIES + usize::from(x)];
        }
        for kernel in kernels() {
            for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
                let mut buffer = vec![UNTOUCHED; to.buffer_len()];
                kernel.run_by_channel(&tables, &from.view(&x), &mut to.view_mut(&mut buffer), parallel);
                assert!(buffer == expected, "{}: {from:?} to {to:?}", kernel.name);
            }
        }
    }
}
