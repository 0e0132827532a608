use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::dequantize::Params;

use crate::testing::{Draft, run_all};

#[test]
fn bytes_of_any_order_get_their_meaning() {
    let x: Vec<u8> = (0..=255).collect();
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.filled(DType::U8, &[2, 128], &x), d.room(DType::F32, &[128, 2]));
        let from = d.view(x, 127, &[128, 2], &[-1, 128]);
        d.step(&Params { scale: 0.3, zero_point: 100 }, &[Some(from)], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (i, y) in results.f32(y).into_iter().enumerate() {
            let x = 127 - i / 2 + 128 * (i % 2);
            assert_eq!(y, (x as i32 - 100) as f32 * 0.3, "{i}");
        }
    });
}
