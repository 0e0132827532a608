use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{DequantizeKernel, KERNELS, Scale};
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, merge, random_dims};
use crate::{IsaSet, Parallel, SingleThread};

fn kernels() -> impl Iterator<Item = &'static DequantizeKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("dequantize", &offered, &covered);
}

fn check(rng: &mut Rng, from: &Layout, to: &Layout, merged: bool) {
    const UNTOUCHED: f32 = -12345.0;
    let x: Vec<u8> = (0..from.buffer_len()).map(|_| rng.next_u64() as u8).collect();
    let how = Scale { scale: rng.f32(), zero_point: rng.pick(&[0, 1, 128, 255]) };
    let mut expected = vec![UNTOUCHED; to.buffer_len()];
    for (place, x) in to.places().into_iter().zip(from.read(&x)) {
        expected[place] = (i32::from(x) - i32::from(how.zero_point)) as f32 * how.scale;
    }
    for kernel in kernels() {
        for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
            let mut buffer = vec![UNTOUCHED; to.buffer_len()];
            let (y, x) = (to.view_mut(&mut buffer), from.view(&x));
            let (mut y, x) = if merged { merge!(y, x) } else { (y, x) };
            kernel.run(&how, &x, &mut y, parallel);
            assert!(buffer == expected, "{} {how:?}: {from:?} to {to:?}", kernel.name);
        }
    }
}

#[test]
fn any_strides() {
    let mut rng = Rng::new(1);
    for _ in 0..300 {
        let dims = random_dims(&mut rng);
        let (from, to) = (Layout::random_broadcast(&mut rng, &dims), Layout::random(&mut rng, &dims));
        check(&mut rng, &from, &to, false);
        check(&mut rng, &from, &to, true);
    }
}

#[test]
fn lengths_around_whole_vectors() {
    let mut rng = Rng::new(2);
    for len in (1..70).chain([127, 128, 129, 200]) {
        check(&mut rng, &Layout::dense(&[len]), &Layout::dense(&[len]), false);
    }
}
