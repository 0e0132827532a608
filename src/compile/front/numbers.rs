//! Arithmetic on single elements of any type, as the plan's operators define it.

use coulter_plan::DType;
use coulter_plan::ops::binary::Kind;
use half::{bf16, f16};

/// An element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Of a floating-point type.
    Float(f64),
    /// Of an integer type, or a truth value.
    Int(i128),
}

/// Reads an element.
pub(crate) fn read(bytes: &[u8], dtype: DType) -> Number {
    fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.try_into().expect("an element has the bytes of its type")
    }
    match dtype {
        DType::F32 => Number::Float(f64::from(f32::from_le_bytes(array(bytes)))),
        DType::F16 => Number::Float(f16::from_le_bytes(array(bytes)).to_f64()),
        DType::BF16 => Number::Float(bf16::from_le_bytes(array(bytes)).to_f64()),
        DType::F64 => Number::Float(f64::from_le_bytes(array(bytes))),
        DType::I8 => Number::Int(i8::from_le_bytes(array(bytes)).into()),
        DType::U8 => Number::Int(bytes[0].into()),
        DType::Bool => Number::Int((bytes[0] != 0).into()),
        DType::I16 => Number::Int(i16::from_le_bytes(array(bytes)).into()),
        DType::U16 => Number::Int(u16::from_le_bytes(array(bytes)).into()),
        DType::I32 => Number::Int(i32::from_le_bytes(array(bytes)).into()),
        DType::U32 => Number::Int(u32::from_le_bytes(array(bytes)).into()),
        DType::I64 => Number::Int(i64::from_le_bytes(array(bytes)).into()),
        DType::U64 => Number::Int(u64::from_le_bytes(array(bytes)).into()),
    }
}

/// Writes an element, converted: floats to integers truncate and saturate, NaN gives 0; integers wrap; to bool, what
/// is not 0 is true.
pub(crate) fn write(number: Number, dtype: DType, to: &mut Vec<u8>) {
    match dtype {
        DType::F32 => to.extend(float(number, |v| v as f32, |v| v as f32).to_le_bytes()),
        DType::F16 => to.extend(float(number, f16::from_f64, |v| f16::from_f64(v as f64)).to_le_bytes()),
        DType::BF16 => to.extend(float(number, bf16::from_f64, |v| bf16::from_f64(v as f64)).to_le_bytes()),
        DType::F64 => to.extend(float(number, |v| v, |v| v as f64).to_le_bytes()),
        DType::Bool => to.push(float(number, |v| u8::from(v != 0.0), |v| u8::from(v != 0))),
        DType::I8 => to.extend(float(number, |v| v as i8, |v| v as i8).to_le_bytes()),
        DType::U8 => to.push(float(number, |v| v as u8, |v| v as u8)),
        DType::I16 => to.extend(float(number, |v| v as i16, |v| v as i16).to_le_bytes()),
        DType::U16 => to.extend(float(number, |v| v as u16, |v| v as u16).to_le_bytes()),
        DType::I32 => to.extend(float(number, |v| v as i32, |v| v as i32).to_le_bytes()),
        DType::U32 => to.extend(float(number, |v| v as u32, |v| v as u32).to_le_bytes()),
        DType::I64 => to.extend(float(number, |v| v as i64, |v| v as i64).to_le_bytes()),
        DType::U64 => to.extend(float(number, |v| v as u64, |v| v as u64).to_le_bytes()),
    }
}

fn float<T>(number: Number, of_float: impl Fn(f64) -> T, of_int: impl Fn(i128) -> T) -> T {
    match number {
        Number::Float(v) => of_float(v),
        Number::Int(v) => of_int(v),
    }
}

fn truth(holds: bool) -> Option<Number> {
    Some(Number::Int(holds.into()))
}

/// A function of two f32; `None` for those of truth values.
pub(crate) fn floats(kind: Kind, a: f32, b: f32) -> Option<Number> {
    let value = match kind {
        Kind::Add => a + b,
        Kind::Sub => a - b,
        Kind::Mul => a * b,
        Kind::Div => a / b,
        Kind::Min if a.is_nan() || b.is_nan() => f32::NAN,
        Kind::Max if a.is_nan() || b.is_nan() => f32::NAN,
        Kind::Min => a.min(b),
        Kind::Max => a.max(b),
        Kind::Pow => return Some(Number::Float(f64::from(a).powf(f64::from(b)))),
        Kind::PRelu => {
            if a >= 0.0 {
                a
            } else {
                a * b
            }
        }
        Kind::Fmod => a % b,
        Kind::Mod => {
            let rest = a % b;
            if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
        }
        Kind::SquaredDifference => (a - b) * (a - b),
        Kind::Equal => return truth(a == b),
        Kind::Less => return truth(a < b),
        Kind::LessEqual => return truth(a <= b),
        Kind::Greater => return truth(a > b),
        Kind::GreaterEqual => return truth(a >= b),
        Kind::And | Kind::Or | Kind::Xor => return None,
    };
    Some(Number::Float(f64::from(value)))
}

/// A function of two integers or truth values; `narrow` says that they are i32.
pub(crate) fn ints(kind: Kind, a: i64, b: i64, narrow: bool) -> Option<Number> {
    let value = match kind {
        Kind::Add => a.wrapping_add(b),
        Kind::Sub => a.wrapping_sub(b),
        Kind::Mul => a.wrapping_mul(b),
        Kind::Div | Kind::Mod | Kind::Fmod if b == 0 => 0,
        Kind::Div => a.wrapping_div(b),
        Kind::Fmod => a.wrapping_rem(b),
        Kind::Mod => {
            let rest = a.wrapping_rem(b);
            if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
        }
        Kind::Min => a.min(b),
        Kind::Max => a.max(b),
        Kind::Pow => power(a, b, narrow),
        Kind::PRelu if a >= 0 => a,
        Kind::PRelu => a.wrapping_mul(b),
        Kind::SquaredDifference => a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)),
        Kind::Equal => return truth(a == b),
        Kind::Less => return truth(a < b),
        Kind::LessEqual => return truth(a <= b),
        Kind::Greater => return truth(a > b),
        Kind::GreaterEqual => return truth(a >= b),
        Kind::And => return truth(a != 0 && b != 0),
        Kind::Or => return truth(a != 0 || b != 0),
        Kind::Xor => return truth((a != 0) != (b != 0)),
    };
    Some(Number::Int(value.into()))
}

/// A power of integers; a negative exponent leaves what truncation leaves of the fraction.
fn power(a: i64, b: i64, narrow: bool) -> i64 {
    match (a, b) {
        (1, _) => 1,
        (-1, _) => {
            if b % 2 == 0 {
                1
            } else {
                -1
            }
        }
        (_, 0..) => {
            let (mut base, mut rest, mut product) = (a, b, 1_i64);
            while rest > 0 {
                if rest & 1 == 1 {
                    product = product.wrapping_mul(base);
                }
                base = base.wrapping_mul(base);
                rest >>= 1;
            }
            if narrow { i64::from(product as i32) } else { product }
        }
        _ => 0,
    }
}
