use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{Type, cast, narrow};
use crate::Element;
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, merge, random_dims};

/// What an element stands for.
#[derive(Clone, Copy, Debug)]
enum Value {
    Float(f64),
    Integer(i128),
}

/// The value of an element of type `of` with these bits.
fn decode(of: Type, bits: u64) -> Value {
    match of {
        Type::F32 => Value::Float(f32::from_bits(bits as u32).into()),
        Type::F64 => Value::Float(f64::from_bits(bits)),
        Type::F16 => Value::Float(small_value(5, 10, bits as u16)),
        Type::BF16 => Value::Float(small_value(8, 7, bits as u16)),
        Type::I8 => Value::Integer((bits as i8).into()),
        Type::U8 => Value::Integer((bits as u8).into()),
        Type::I16 => Value::Integer((bits as i16).into()),
        Type::U16 => Value::Integer((bits as u16).into()),
        Type::I32 => Value::Integer((bits as i32).into()),
        Type::U32 => Value::Integer((bits as u32).into()),
        Type::I64 => Value::Integer((bits as i64).into()),
        Type::U64 => Value::Integer(bits.into()),
        Type::Bool => Value::Integer((bits as u8 != 0).into()),
    }
}

/// By the definition of the format.
fn small_value(exponent_bits: u32, fraction_bits: u32, bits: u16) -> f64 {
    let fraction = f64::from(bits & ((1 << fraction_bits) - 1)) / f64::from(1u32 << fraction_bits);
    let most = (1i32 << exponent_bits) - 1;
    let exponent = i32::from(bits >> fraction_bits) & most;
    let bias = most / 2;
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(1 - bias),
        _ if exponent == most && fraction == 0.0 => f64::INFINITY,
        _ if exponent == most => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - bias),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The nearest of a format's values, found by looking at all of them; ties to the even one.
fn nearest(exponent_bits: u32, fraction_bits: u32, x: f64) -> u16 {
    let infinity = (((1 << exponent_bits) - 1) << fraction_bits) as u16;
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    let x = x.abs();
    let (mut low, mut high) = (0, infinity);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if small_value(exponent_bits, fraction_bits, middle) <= x { low = middle } else { high = middle }
    }
    let below = small_value(exponent_bits, fraction_bits, low);
    // Infinity stands where the next value would.
    let step = below - small_value(exponent_bits, fraction_bits, low.saturating_sub(1));
    let above = if high == infinity { below + step } else { small_value(exponent_bits, fraction_bits, high) };
    let middle = below / 2.0 + above / 2.0;
    sign | if x < middle || x == middle && low & 1 == 0 { low } else { high }
}

#[test]
fn narrow_floats_are_the_nearest_ones() {
    type Format = (u32, u32, fn(f64) -> u16);
    for (exponent_bits, fraction_bits, f) in [(5, 10, narrow::f16 as _), (8, 7, narrow::bf16 as _)] as [Format; 2] {
        let infinity = (((1u32 << exponent_bits) - 1) << fraction_bits) as u16;
        for bits in 0..infinity {
            let x = small_value(exponent_bits, fraction_bits, bits);
            assert_eq!((f(x), f(-x)), (bits, bits | 0x8000));
            let next = small_value(exponent_bits, fraction_bits, bits + 1);
            let middle = if next.is_infinite() {
                x + (x - small_value(exponent_bits, fraction_bits, bits - 1)) / 2.0
            } else {
                (x + next) / 2.0
            };
            for near in [middle, middle.next_down(), middle.next_up()] {
                assert_eq!(f(near), nearest(exponent_bits, fraction_bits, near), "{near}");
            }
        }
        for special in [f64::MAX, f64::INFINITY, f64::MIN_POSITIVE, 5e-324, 1e-50, 0.0] {
            let expected = if special > 1e100 { infinity } else { 0 };
            assert_eq!((f(special), f(-special)), (expected, expected | 0x8000));
        }
        assert!(small_value(exponent_bits, fraction_bits, f(f64::NAN)).is_nan());
    }
    for bits in 0..=u16::MAX {
        let (x, expected) = (narrow::f16_to_f64(bits), small_value(5, 10, bits));
        assert!(x.to_bits() == expected.to_bits() || x.is_nan() && expected.is_nan());
    }
}

#[test]
fn large_integers_are_rounded_once() {
    // Halfway between two neighbours of bfloat16, and one beside it.
    let middle = (1i128 << 62) + (1 << 54);
    for (x, expected) in [(middle, 1i128 << 62), (middle + 1, (1 << 62) + (1 << 55)), (middle - 1, 1 << 62)] {
        for x in [x, -x] {
            let y = convert_one(Type::I64, Type::BF16, x as i64 as u64);
            assert_eq!(small_value(8, 7, y as u16), (expected * x.signum()) as f64, "{x}");
        }
        let y = convert_one(Type::U64, Type::BF16, (x << 1) as u64 | (x & 1) as u64);
        assert_eq!(small_value(8, 7, y as u16), (expected << 1) as f64, "{x}");
    }
    assert_eq!(convert_one(Type::U64, Type::F16, u64::MAX), 0x7c00);
}

fn convert_one(from: Type, to: Type, bits: u64) -> u64 {
    let layout = Layout::dense(&[1]);
    convert_bits(from, to, (&layout, &[bits]), &layout)[0]
}

/// Elements are given and returned as their bits.
fn convert_bits(from: Type, to: Type, (lx, x): (&Layout, &[u64]), ly: &Layout) -> Vec<u64> {
    fn between<S: Element, D: Element + Default>(
        (from, to): (Type, Type),
        (lx, x): (&Layout, &[u64]),
        ly: &Layout,
        narrow: fn(u64) -> S,
        widen: fn(D) -> u64,
    ) -> Vec<u64> {
        let x: Vec<S> = x.iter().map(|&v| narrow(v)).collect();
        let mut buffer = vec![D::default(); ly.buffer_len()];
        let (y, x) = (ly.view_mut(&mut buffer), lx.view(&x));
        let (mut y, x) = merge!(y, x);
        cast((from, to), &x, &mut y, &Backwards(4));
        ly.read(&buffer).into_iter().map(widen).collect()
    }
    macro_rules! go {
        ($s:ty) => {
            match to.size() {
                1 => between::<$s, u8>((from, to), (lx, x), ly, |v| v as $s, |v| v.into()),
                2 => between::<$s, u16>((from, to), (lx, x), ly, |v| v as $s, |v| v.into()),
                4 => between::<$s, u32>((from, to), (lx, x), ly, |v| v as $s, |v| v.into()),
                _ => between::<$s, u64>((from, to), (lx, x), ly, |v| v as $s, |v| v),
            }
        };
    }
    match from.size() {
        1 => go!(u8),
        2 => go!(u16),
        4 => go!(u32),
        _ => go!(u64),
    }
}

/// Whether `bits` of type `to` are what `x` becomes.
fn is_right(to: Type, x: Value, bits: u64) -> bool {
    let integer = |low: i128, high: i128, width: u32| {
        let expected = match x {
            Value::Float(x) if x.is_nan() => 0,
            Value::Float(x) => (x.trunc() as i128).clamp(low, high),
            Value::Integer(x) => x,
        };
        (expected as u64) << (64 - width) >> (64 - width) == bits
    };
    let exact = match x {
        Value::Float(x) => x,
        // Test integers have few bits or are all ones: f64 rounds them as the narrower types do.
        Value::Integer(x) => x as f64,
    };
    let float = |y: f64, expected: f64| y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan();
    match to {
        Type::F32 => float(f32::from_bits(bits as u32).into(), (exact as f32).into()),
        Type::F64 => float(f64::from_bits(bits), exact),
        Type::F16 if exact.is_nan() => small_value(5, 10, bits as u16).is_nan(),
        Type::F16 => bits as u16 == nearest(5, 10, exact),
        Type::BF16 if exact.is_nan() => small_value(8, 7, bits as u16).is_nan(),
        Type::BF16 => bits as u16 == nearest(8, 7, exact),
        Type::I8 => integer(i8::MIN.into(), i8::MAX.into(), 8),
        Type::U8 => integer(0, u8::MAX.into(), 8),
        Type::I16 => integer(i16::MIN.into(), i16::MAX.into(), 16),
        Type::U16 => integer(0, u16::MAX.into(), 16),
        Type::I32 => integer(i32::MIN.into(), i32::MAX.into(), 32),
        Type::U32 => integer(0, u32::MAX.into(), 32),
        Type::I64 => integer(i64::MIN.into(), i64::MAX.into(), 64),
        Type::U64 => integer(0, u64::MAX.into(), 64),
        Type::Bool => bits == u64::from(exact != 0.0),
    }
}

/// Bits of elements worth trying.
fn some(rng: &mut Rng, of: Type, len: usize) -> Vec<u64> {
    let floats = [0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 127.9, -129.0, 255.5, 65_504.0, 65_520.0, 3e9, -3e9, 1e20, -1e20];
    let more = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-7, 6e-8, 1e39, 0.1, -7.3];
    (0..len)
        .map(|_| {
            let x = if rng.coin() { rng.pick(&floats) } else { rng.pick(&more) };
            match of {
                Type::F32 => u64::from((x as f32).to_bits()),
                Type::F64 => x.to_bits(),
                Type::F16 => rng.next_u64() & 0xffff,
                Type::BF16 => u64::from((x as f32).to_bits() >> 16),
                _ if rng.coin() => rng.pick(&[0, 1, 2, 100, 1 << 20, 1 << 40]),
                _ => u64::MAX << rng.pick(&[0, 4, 7, 15, 31, 60, 63]),
            }
        })
        .collect()
}

#[test]
fn every_pair_of_types_and_any_strides() {
    let mut rng = Rng::new(1);
    for from in Type::ALL {
        for to in Type::ALL {
            for _ in 0..12 {
                let dims = random_dims(&mut rng);
                let (lx, ly) = (Layout::random_broadcast(&mut rng, &dims), Layout::random(&mut rng, &dims));
                let x = some(&mut rng, from, lx.buffer_len());
                for (bits, y) in lx.read(&x).into_iter().zip(convert_bits(from, to, (&lx, &x), &ly)) {
                    let value = decode(from, bits);
                    assert!(is_right(to, value, y), "{value:?} from {from:?} to {to:?}: {y:#x}");
                }
            }
        }
    }
}
