use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{Binary, BinaryKernel, KERNELS, Kind, Operand};
use crate::parallel::Backwards;
use crate::requantize::Requantize;
use crate::test_layouts::{Layout, merge, random_dims};
use crate::{IsaSet, Parallel, SingleThread, View};

fn kernels() -> impl Iterator<Item = &'static BinaryKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("binary_i8", &offered, &covered);
}

fn bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

fn random(rng: &mut Rng) -> Binary {
    let mut operand = || Operand { scale: rng.pick(&[0.5, -0.5, 0.017, 1.3, 4e9]), zero: rng.pick(&[0, 7, 128, 255]) };
    let (a, b) = (operand(), operand());
    let (zero, [low, high]) = (rng.pick(&[0, 128, 255]), rng.pick(&[[0, 255], [128, 255], [10, 10], [3, 200]]));
    Binary { kind: rng.pick(&[Kind::Add, Kind::Mul]), a, b, requantize: Requantize { zero, low, high } }
}

fn oracle(how: &Binary, a: u8, b: u8) -> u8 {
    let (a, b) = (i32::from(a) - i32::from(how.a.zero), i32::from(b) - i32::from(how.b.zero));
    let r = match how.kind {
        Kind::Add => a as f32 * how.a.scale + b as f32 * how.b.scale,
        Kind::Mul => (a * b) as f32 * how.a.scale,
    };
    let Requantize { zero, low, high } = how.requantize;
    (r.round_ties_even() as i64 + i64::from(zero)).clamp(low.into(), high.into()) as u8
}

const UNTOUCHED: u8 = 0xa5;

fn check(rng: &mut Rng, a: &Layout, b: &Layout, to: &Layout, merged: bool) {
    let (xs, ys) = (bytes(rng, a.buffer_len()), bytes(rng, b.buffer_len()));
    let how = random(rng);
    let mut expected = vec![UNTOUCHED; to.buffer_len()];
    for ((place, x), y) in to.places().into_iter().zip(a.read(&xs)).zip(b.read(&ys)) {
        expected[place] = oracle(&how, x, y);
    }
    for kernel in kernels() {
        for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
            let mut buffer = vec![UNTOUCHED; to.buffer_len()];
            let (y, x, z) = (to.view_mut(&mut buffer), a.view(&xs), b.view(&ys));
            let (mut y, x, z) = if merged { merge!(y, x, z) } else { (y, x, z) };
            kernel.run(&how, &x, &z, &mut y, parallel);
            assert!(buffer == expected, "{} {how:?}: {a:?} {b:?} to {to:?}", kernel.name);
        }
    }
}

#[test]
fn any_strides() {
    let mut rng = Rng::new(1);
    for _ in 0..300 {
        let dims = random_dims(&mut rng);
        let [a, b] = [0, 1].map(|_| Layout::random_broadcast(&mut rng, &dims));
        let to = Layout::random(&mut rng, &dims);
        check(&mut rng, &a, &b, &to, false);
        check(&mut rng, &a, &b, &to, true);
    }
}

#[test]
fn channels_pixels_and_scalars_are_repeated() {
    let mut rng = Rng::new(2);
    for channels in [1, 3, 16, 24, 40, 63, 64, 65, 96, 200] {
        let dims = [2, 30, channels];
        let dense = Layout::dense(&dims);
        let row = dense.clone().broadcast(1);
        let everywhere = dense.clone().broadcast(1).broadcast(0);
        let pixel = dense.clone().broadcast(2);
        let scalar = everywhere.clone().broadcast(2);
        for one in [&dense, &row, &everywhere, &pixel, &scalar] {
            check(&mut rng, &dense, one, &dense, true);
            check(&mut rng, one, &dense, &dense, true);
            check(&mut rng, one, one, &dense, true);
        }
    }
}

#[test]
fn the_result_may_take_an_operands_place() {
    let mut rng = Rng::new(3);
    for len in [1, 5, 31, 32, 33, 64, 100, 300] {
        let (x, z, how) = (bytes(&mut rng, len), bytes(&mut rng, len), random(&mut rng));
        let layout = Layout::dense(&[len]);
        for kernel in kernels() {
            let mut first = x.clone();
            let mut y = layout.view_mut(&mut first);
            // SAFETY: the same elements, one by one.
            let same = unsafe { View::from_raw(y.as_ptr().cast_const(), &[len], &[1]) };
            kernel.run(&how, &same, &layout.view(&z), &mut y, &SingleThread);
            let mut second = z.clone();
            let mut y = layout.view_mut(&mut second);
            // SAFETY: as above.
            let same = unsafe { View::from_raw(y.as_ptr().cast_const(), &[len], &[1]) };
            kernel.run(&how, &layout.view(&x), &same, &mut y, &SingleThread);
            let expected: Vec<u8> = x.iter().zip(&z).map(|(&x, &z)| oracle(&how, x, z)).collect();
            assert!(first == expected && second == expected, "{} {len}", kernel.name);
        }
    }
}
