use std::vec;
use std::vec::Vec;

use super::KERNELS;
use crate::IsaSet;

#[test]
fn every_number_keeps_its_value_on_every_instruction_set() {
    let all: Vec<u16> = (0..=u16::MAX).collect();
    for kernel in KERNELS.iter().filter(|k| IsaSet::detect().contains(k.isa)) {
        let mut wide = vec![0.0; all.len()];
        kernel.run(&all, &mut wide);
        for (&bits, &found) in all.iter().zip(&wide) {
            let expected = half::f16::from_bits(bits).to_f32();
            let same = if expected.is_nan() { found.is_nan() } else { found.to_bits() == expected.to_bits() };
            assert!(same, "{}: {bits:#06x} is {expected}, not {found}", kernel.name);
        }
    }
    let names = |all: bool| {
        let there = KERNELS.iter().filter(|k| all || IsaSet::detect().contains(k.isa));
        there.map(|k| k.isa.name()).collect::<Vec<_>>()
    };
    coulter_testkit::isa_coverage::check("widen_f16", &names(true), &names(false));
}

#[test]
fn whole_steps_and_nothing_beside_them() {
    for steps in 0..5 {
        let len = steps * super::STEP;
        let x: Vec<u16> = (0..len as u16).map(|i| 0x3c00 + i).collect();
        for kernel in KERNELS.iter().filter(|k| IsaSet::detect().contains(k.isa)) {
            let mut wide = vec![-7.0; len + 1];
            kernel.run(&x, &mut wide[..len]);
            assert!(wide[..len].iter().zip(&x).all(|(y, x)| *y == half::f16::from_bits(*x).to_f32()));
            assert_eq!(wide[len], -7.0, "{}", kernel.name);
        }
    }
}
