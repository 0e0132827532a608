use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::select;
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, merge, random_dims};
use crate::{Element, View};

fn check<T: Element + Default + PartialEq + core::fmt::Debug>(rng: &mut Rng, of: fn(u64) -> T) {
    let dims = random_dims(rng);
    let [lc, la, lb] = [0; 3].map(|_| Layout::random_broadcast(rng, &dims));
    let ly = Layout::random(rng, &dims);
    let c: Vec<u8> = (0..lc.buffer_len()).map(|_| rng.pick(&[0, 0, 1, 2])).collect();
    let mut some = |layout: &Layout| -> Vec<T> { (0..layout.buffer_len()).map(|_| of(rng.next_u64())).collect() };
    let (a, b, own) = (some(&la), some(&lb), some(&ly));
    let choose = |(&c, (a, b)): (&u8, (T, T))| if c != 0 { a } else { b };

    let mut buffer = vec![T::default(); ly.buffer_len()];
    let (y, vc, va, vb) = (ly.view_mut(&mut buffer), lc.view(&c), la.view(&a), lb.view(&b));
    let (mut y, vc, va, vb) = merge!(y, vc, va, vb);
    select(&vc, &va, &vb, &mut y, &Backwards(4));
    let conditions = lc.read(&c);
    let pairs = la.read(&a).into_iter().zip(lb.read(&b));
    let expected: Vec<T> = conditions.iter().zip(pairs).map(choose).collect();
    assert_eq!(ly.read(&buffer), expected);

    let mut buffer = own.clone();
    let (mut y, vc, va) = (ly.view_mut(&mut buffer), lc.view(&c), la.view(&a));
    // SAFETY: the operator works in place.
    let same = unsafe { View::from_raw(y.as_ptr(), y.dims(), y.strides()) };
    select(&vc, &va, &same, &mut y, &Backwards(4));
    let pairs = la.read(&a).into_iter().zip(ly.read(&own));
    let expected: Vec<T> = conditions.iter().zip(pairs).map(choose).collect();
    assert_eq!(ly.read(&buffer), expected, "in place");
}

#[test]
fn any_strides_of_every_size() {
    let mut rng = Rng::new(1);
    for _ in 0..100 {
        check(&mut rng, |v| v as u8);
        check(&mut rng, |v| v as u16);
        check(&mut rng, |v| v as u32);
        check(&mut rng, |v| v);
    }
}
