use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::table::Params;
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

#[test]
fn signed_bytes_are_looked_up_as_the_bytes_they_are() {
    let (x, table) = (bytes(1, 3 * 333), bytes(2, 256));
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.filled(DType::I8, &[3, 333], &x), d.room(DType::U8, &[3, 333]));
        let table = d.constant(DType::U8, &[256], &table);
        d.step(&Params {}, &[Some(x), Some(table)], &[Some(y)]);
        (d, y)
    };
    let expected: Vec<u8> = x.iter().map(|&x| table[usize::from(x)]).collect();
    run_all(draft, |results, y| assert_eq!(results.bytes(y), expected));
}

#[test]
fn each_channel_may_have_its_own_table_and_the_result_the_operands_place() {
    let (x, tables) = (bytes(3, 50 * 5), bytes(4, 5 * 256));
    let draft = || {
        let mut d = Draft::new();
        let x = d.filled(DType::U8, &[50, 5], &x);
        let table = d.constant(DType::U8, &[5, 256], &tables);
        d.step(&Params {}, &[Some(x), Some(table)], &[Some(x)]);
        (d, x)
    };
    let expected: Vec<u8> = x.iter().enumerate().map(|(i, &x)| tables[i % 5 * 256 + usize::from(x)]).collect();
    run_all(draft, |results, y| assert_eq!(results.bytes(y), expected));
}
