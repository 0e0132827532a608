use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{Index, OutOfRange, gather};
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, random_dims};
use crate::{Element, ViewMut};

fn check<T: Element + Default + PartialEq + core::fmt::Debug, I: Index>(
    rng: &mut Rng,
    of: fn(u64) -> T,
    index: fn(i64) -> I,
) {
    let mut dims = random_dims(rng);
    dims.truncate(7);
    dims.insert(rng.in_range(0..=dims.len()), rng.in_range(1..=5));
    let axis = rng.in_range(0..=dims.len() - 1);
    let layout = Layout::random_broadcast(rng, &dims);
    let x: Vec<T> = (0..layout.buffer_len()).map(|_| of(rng.next_u64())).collect();
    let dim = dims[axis] as i64;
    let count = if dim == 0 { 0 } else { rng.in_range(0..=20) };
    let indices: Vec<i64> = (0..count).map(|_| rng.in_range(0..=2 * dim as usize - 1) as i64 - dim).collect();
    let values = layout.read(&x);
    let inner: usize = dims[axis + 1..].iter().product();
    let outer: usize = dims[..axis].iter().product();
    let mut expected = Vec::new();
    for o in 0..outer {
        for i in &indices {
            let i = if *i < 0 { i + dim } else { *i } as usize;
            expected.extend_from_slice(&values[(o * dims[axis] + i) * inner..][..inner]);
        }
    }
    let mut y = vec![T::default(); expected.len()];
    let indices: Vec<I> = indices.into_iter().map(index).collect();
    let shape = [outer, indices.len(), inner];
    let result = gather(&layout.view(&x), axis, &indices, &mut ViewMut::dense(&mut y, &shape), &Backwards(4));
    assert_eq!((result, y), (Ok(()), expected), "{layout:?} {axis}");
}

#[test]
fn any_axis_strides_size_and_index_type() {
    let mut rng = Rng::new(1);
    for _ in 0..150 {
        check(&mut rng, |v| v as u8, |i| i);
        check(&mut rng, |v| v as u16, |i| i as i32);
        check(&mut rng, |v| v as u32, |i| i);
        check(&mut rng, |v| v, |i| i as i32);
    }
}

#[test]
fn indices_outside_are_told_and_nothing_is_written() {
    let x = Layout::dense(&[3, 2]);
    let values = [1u32, 2, 3, 4, 5, 6];
    for bad in [3, -4, i64::MAX, i64::MIN] {
        let mut y = [0u32; 4];
        let result = gather(&x.view(&values), 0, &[0, bad], &mut ViewMut::dense(&mut y, &[2, 2]), &Backwards(4));
        assert_eq!((result, y), (Err(OutOfRange { index: bad }), [0; 4]));
    }
    let nothing = Layout::dense(&[0, 2]);
    let mut y = [0u32; 2];
    let result = gather(&nothing.view(&[]), 0, &[0i64], &mut ViewMut::dense(&mut y, &[1, 2]), &Backwards(4));
    assert_eq!(result, Err(OutOfRange { index: 0 }));
}
