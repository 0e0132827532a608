//! All pairs of types, by way of 64 bits: floats as f64, integers sign- or zero-extended.

use super::{Line, Type, narrow};

/// Elements that are widened at a time.
const CHUNK: usize = 64;

/// What 64 bits hold.
#[derive(Clone, Copy)]
enum Class {
    Float,
    Signed,
    Unsigned,
}

fn class(of: Type) -> Class {
    match of {
        Type::F32 | Type::F16 | Type::BF16 | Type::F64 => Class::Float,
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Class::Signed,
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::Bool => Class::Unsigned,
    }
}

/// # Safety
/// `len` elements of the types from `x` and `y` on, in their steps, are valid to read and to write, aligned, and share
/// no byte.
pub(super) unsafe fn convert(from: Type, to: Type, x: Line<*const u8>, y: Line<*mut u8>, len: usize) {
    let mut chunk = [0u64; CHUNK];
    let mut begin = 0;
    while begin < len {
        let count = CHUNK.min(len - begin);
        let chunk = &mut chunk[..count];
        // SAFETY: `begin + count` is at most `len`.
        unsafe {
            let at = |step: isize| begin as isize * step;
            load(from, Line { first: x.first.offset(at(x.step)), ..x }, chunk);
            store(class(from), to, chunk, Line { first: y.first.offset(at(y.step)), ..y });
        }
        begin += count;
    }
}

/// # Safety
/// As many elements of the type as the chunk has are valid to read from `x` on.
unsafe fn load(from: Type, x: Line<*const u8>, chunk: &mut [u64]) {
    macro_rules! each {
        ($type:ty, $wide:expr) => {
            for (i, wide) in chunk.iter_mut().enumerate() {
                // SAFETY: the caller vouches for element `i`.
                let value = unsafe { x.first.offset(i as isize * x.step).cast::<$type>().read() };
                *wide = $wide(value);
            }
        };
    }
    match from {
        Type::F32 => each!(f32, |v| f64::from(v).to_bits()),
        Type::F16 => each!(u16, |v| narrow::f16_to_f64(v).to_bits()),
        Type::BF16 => each!(u16, |v| f64::from(f32::from_bits(u32::from(v) << 16)).to_bits()),
        Type::F64 => each!(f64, f64::to_bits),
        Type::I8 => each!(i8, |v| v as u64),
        Type::U8 => each!(u8, u64::from),
        Type::I16 => each!(i16, |v| v as u64),
        Type::U16 => each!(u16, u64::from),
        Type::I32 => each!(i32, |v| v as u64),
        Type::U32 => each!(u32, u64::from),
        Type::I64 => each!(i64, |v| v as u64),
        Type::U64 => each!(u64, |v| v),
        Type::Bool => each!(u8, |v| u64::from(v != 0)),
    }
}

/// # Safety
/// As many elements of the type as the chunk has are valid to write from `y` on.
unsafe fn store(class: Class, to: Type, chunk: &[u64], y: Line<*mut u8>) {
    macro_rules! each {
        ($type:ty, $value:expr) => {
            for (i, &wide) in chunk.iter().enumerate() {
                let value: $type = $value(wide);
                // SAFETY: the caller vouches for element `i`.
                unsafe { y.first.offset(i as isize * y.step).cast::<$type>().write(value) };
            }
        };
    }
    macro_rules! integer {
        ($type:ty) => {
            match class {
                Class::Float => each!($type, |v| f64::from_bits(v) as $type),
                _ => each!($type, |v| v as $type),
            }
        };
    }
    macro_rules! float {
        ($type:ty, $from_float:expr, $from_magnitude:expr) => {
            match class {
                Class::Float => each!($type, |v| $from_float(f64::from_bits(v))),
                Class::Signed => each!($type, |v| $from_magnitude((v as i64) < 0, (v as i64).unsigned_abs())),
                Class::Unsigned => each!($type, |v| $from_magnitude(false, v)),
            }
        };
    }
    match to {
        Type::F32 => float!(f32, |v: f64| v as f32, |minus, v: u64| if minus { -(v as f32) } else { v as f32 }),
        Type::F64 => float!(f64, |v| v, |minus, v: u64| if minus { -(v as f64) } else { v as f64 }),
        Type::F16 => float!(u16, narrow::f16, |minus, v| narrow::f16(narrow::rounded_to_odd(minus, v))),
        Type::BF16 => float!(u16, narrow::bf16, |minus, v| narrow::bf16(narrow::rounded_to_odd(minus, v))),
        Type::I8 => integer!(i8),
        Type::U8 => integer!(u8),
        Type::I16 => integer!(i16),
        Type::U16 => integer!(u16),
        Type::I32 => integer!(i32),
        Type::U32 => integer!(u32),
        Type::I64 => integer!(i64),
        Type::U64 => integer!(u64),
        Type::Bool => match class {
            Class::Float => each!(u8, |v| u8::from(f64::from_bits(v) != 0.0)),
            _ => each!(u8, |v| u8::from(v != 0)),
        },
    }
}
