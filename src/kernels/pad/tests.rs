use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{Mode, pad};
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, random_dims};
use crate::{Element, ViewMut};

/// The place in a row of `dim` elements that stands `i` elements after its beginning, found by walking there.
fn source<T>(mode: &Mode<T>, i: isize, dim: isize) -> Option<isize> {
    match mode {
        _ if (0..dim).contains(&i) => Some(i),
        Mode::Constant(_) => None,
        Mode::Edge => Some(i.clamp(0, dim - 1)),
        Mode::Wrap => Some(i.rem_euclid(dim)),
        Mode::Reflect => {
            let period = 2 * (dim - 1);
            let place = i.rem_euclid(period);
            Some(if place < dim { place } else { period - place })
        }
    }
}

fn oracle<T: Element>(x: &[T], dims: &[usize], mode: &Mode<T>, before: &[usize], padded: &[usize]) -> Vec<T> {
    let count: usize = padded.iter().product();
    let mut y = Vec::new();
    for flat in 0..count {
        let (mut rest, mut at, mut stride) = (flat, Some(0), 1);
        for i in (0..dims.len()).rev() {
            let place = (rest % padded[i]) as isize - before[i] as isize;
            at = at.and_then(|at| Some(at + source(mode, place, dims[i] as isize)? as usize * stride));
            stride *= dims[i];
            rest /= padded[i];
        }
        y.push(match (at, mode) {
            (Some(at), _) => x[at],
            (None, Mode::Constant(v)) => *v,
            _ => unreachable!(),
        });
    }
    y
}

fn check<T: Element + Default + PartialEq + core::fmt::Debug>(rng: &mut Rng, of: fn(u64) -> T) {
    let dims = random_dims(rng);
    let mode = rng.pick(&[Mode::Constant(of(7)), Mode::Reflect, Mode::Edge, Mode::Wrap]);
    let amount = |rng: &mut Rng, dim: usize| {
        let most = match mode {
            Mode::Reflect => dim.saturating_sub(1),
            Mode::Edge if dim == 0 => 0,
            Mode::Wrap => dim,
            _ => 3,
        };
        if rng.coin() { 0 } else { rng.in_range(0..=most.min(3)) }
    };
    let (mut before, mut padded) = (Vec::new(), Vec::new());
    for &dim in &dims {
        before.push(amount(rng, dim));
        let budget = padded.iter().product::<usize>() < 20_000;
        padded.push(before.last().unwrap() + dim + if budget { amount(rng, dim) } else { 0 });
    }
    if padded.iter().product::<usize>() > 200_000 {
        return;
    }
    let layout = Layout::random_broadcast(rng, &dims);
    let x: Vec<T> = (0..layout.buffer_len()).map(|_| of(rng.next_u64())).collect();
    let expected = oracle(&layout.read(&x), &dims, &mode, &before, &padded);
    let mut y = vec![T::default(); expected.len()];
    pad(&layout.view(&x), mode, &before, &mut ViewMut::dense(&mut y, &padded), &Backwards(4));
    assert!(y == expected, "{layout:?} {mode:?} {before:?} {padded:?}: {y:?} is not {expected:?}");
}

#[test]
fn every_mode_of_any_strides_and_size() {
    let mut rng = Rng::new(1);
    for _ in 0..400 {
        check(&mut rng, |v| v as u8);
        check(&mut rng, |v| v as u16);
        check(&mut rng, |v| v as u32);
        check(&mut rng, |v| v);
    }
}

#[test]
fn pictures_get_a_frame() {
    let (h, w, c) = (5, 6, 3);
    let x: Vec<u32> = (1..=(h * w * c) as u32).collect();
    let layout = Layout::dense(&[2, h, w, c][1..]);
    let padded = [h + 3, w + 2, c];
    let mut y = vec![0u32; padded.iter().product()];
    pad(&layout.view(&x), Mode::Constant(0), &[1, 1, 0], &mut ViewMut::dense(&mut y, &padded), &Backwards(4));
    assert_eq!(y, oracle(&x, &[h, w, c], &Mode::Constant(0), &[1, 1, 0], &padded));
}
