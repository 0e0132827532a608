use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::qsoftmax::Params;
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

#[test]
fn rows_become_shares_in_place() {
    let exponentials: Vec<u32> =
        (0..256).map(|i| (2f64.powi(30) * (0.05 * f64::from(i - 255)).exp()).round() as u32).collect();
    let table: Vec<u8> = exponentials.iter().flat_map(|e| e.to_le_bytes()).collect();
    let mut rng = Rng::new(1);
    for (rows, cols) in [(3usize, 2usize), (40, 10), (2, 1001)] {
        let x: Vec<u8> = (0..rows * cols).map(|_| rng.next_u64() as u8).collect();
        let draft = || {
            let mut d = Draft::new();
            let x = d.filled(DType::U8, &[rows as u32, cols as u32], &x);
            let table = d.constant(DType::U32, &[256], &table);
            d.step(&Params { inverse_scale: 256.0, zero: 0 }, &[Some(x), Some(table)], &[Some(x)]);
            (d, x)
        };
        run_all(draft, |results, y| {
            for (x, y) in x.chunks(cols).zip(results.bytes(y).chunks(cols)) {
                let greatest = x.iter().copied().max().unwrap_or(0);
                let e = |x: u8| exponentials[usize::from(255 - greatest + x)];
                let factor = 256.0 / x.iter().map(|&x| u64::from(e(x))).sum::<u64>() as f32;
                let expected = x.iter().map(|&x| (e(x) as f32 * factor).round_ties_even().min(255.0) as u8);
                assert_eq!(y, expected.collect::<Vec<u8>>());
            }
        });
    }
}
