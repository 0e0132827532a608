use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{CopyKernel, KERNELS};
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, merge, random_dims};
use crate::{Element, IsaSet, Parallel, SingleThread};

fn kernels() -> impl Iterator<Item = &'static CopyKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("copy", &offered, &covered);
}

/// The target's buffer after a copy; what no index addresses keeps `untouched`.
fn copied<T: Element>(
    kernel: &CopyKernel,
    (from, x): (&Layout, &[T]),
    to: &Layout,
    untouched: T,
    merged: bool,
    parallel: &dyn Parallel,
) -> Vec<T> {
    let mut buffer = vec![untouched; to.buffer_len()];
    let (y, x) = (to.view_mut(&mut buffer), from.view(x));
    let (mut y, x) = if merged { merge!(y, x) } else { (y, x) };
    kernel.run(&x, &mut y, parallel);
    buffer
}

fn check<T: Element + PartialEq + core::fmt::Debug>(rng: &mut Rng, from: &Layout, to: &Layout, of: fn(u64) -> T) {
    let x: Vec<T> = (0..from.buffer_len()).map(|_| of(rng.next_u64() | 1)).collect();
    let untouched = of(0);
    let mut expected = vec![untouched; to.buffer_len()];
    for (p, v) in to.places().into_iter().zip(from.read(&x)) {
        expected[p] = v;
    }
    for kernel in kernels() {
        for merged in [false, true] {
            let y = copied(kernel, (from, &x), to, untouched, merged, &SingleThread);
            assert!(y == expected, "{} {merged}: {from:?} to {to:?}: {y:?} is not {expected:?}", kernel.name);
            let y = copied(kernel, (from, &x), to, untouched, merged, &Backwards(4));
            assert!(y == expected, "{} {merged}: {from:?} to {to:?}, four threads", kernel.name);
        }
    }
}

fn check_sizes(rng: &mut Rng, from: &Layout, to: &Layout) {
    check(rng, from, to, |v| v as u8);
    check(rng, from, to, |v| v as u16);
    check(rng, from, to, |v| v as u32);
    check(rng, from, to, |v| v);
}

#[test]
fn any_strides() {
    let mut rng = Rng::new(1);
    for _ in 0..400 {
        let dims = random_dims(&mut rng);
        let (from, to) = (Layout::random_broadcast(&mut rng, &dims), Layout::random(&mut rng, &dims));
        check_sizes(&mut rng, &from, &to);
    }
}

/// A dense tensor read with its last two dimensions swapped.
fn transposed(rows: usize, cols: usize) -> Layout {
    let mut layout = Layout::dense(&[2, cols, rows]);
    layout.dims.swap(1, 2);
    layout.strides.swap(1, 2);
    layout
}

#[test]
fn transposition_of_planes_and_channels() {
    let mut rng = Rng::new(2);
    for (rows, cols) in
        [(1, 1), (3, 64), (64, 3), (3, 77), (50, 3), (8, 8), (17, 33), (33, 16), (100, 4), (7, 7), (3, 3)]
    {
        check_sizes(&mut rng, &transposed(rows, cols), &Layout::dense(&[2, rows, cols]));
        check_sizes(&mut rng, &Layout::dense(&[2, rows, cols]), &transposed(rows, cols));
    }
    check_sizes(&mut rng, &transposed(200, 211), &Layout::dense(&[2, 200, 211]));
}

#[test]
fn rows_into_a_wider_buffer() {
    let mut rng = Rng::new(3);
    for cols in (1..40).chain([1023, 1024, 1025, 3000]) {
        let dims = [5, cols];
        let mut wide = Layout::dense(&[5, cols + 7]);
        wide.dims[1] = cols;
        check_sizes(&mut rng, &Layout::dense(&dims), &wide);
        check_sizes(&mut rng, &wide, &Layout::dense(&dims));
    }
}
