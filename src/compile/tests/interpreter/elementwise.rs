//! Operators that take elements one by one.

use coulter_plan::ops::{binary, unary};
use coulter_plan::{Activation, DType};
use coulter_testkit::elementwise_oracle;

use super::Array;
use crate::graph::Tensor;

pub(super) fn activate(function: &Activation, x: f64) -> f64 {
    elementwise_oracle::activation(&format!("{:?}", function.kind), f64::from(function.a), f64::from(function.b), x)
}

pub(super) fn unary(params: &unary::Params, x: &Array) -> Array {
    let values = x.values.iter().map(|&v| activate(&params.function, v)).collect();
    Array::new(x.dtype, &x.shape, values)
}

pub(super) fn binary(params: &binary::Params, a: &Array, b: &Array, output: &Tensor) -> Array {
    let function = function(params.kind, a.dtype);
    Array::fill(output.dtype, &output.shape, |index| {
        let value = function(a.at(index), b.at(index));
        if output.dtype == DType::F32 { activate(&params.activation, value) } else { value }
    })
}

fn function(kind: binary::Kind, dtype: DType) -> Box<dyn Fn(f64, f64) -> f64> {
    use binary::Kind;
    let is_float = dtype == DType::F32;
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match kind {
        Kind::Add => Box::new(|a, b| a + b),
        Kind::Sub => Box::new(|a, b| a - b),
        Kind::Mul => Box::new(|a, b| a * b),
        Kind::Div if is_float => Box::new(|a, b| a / b),
        Kind::Div => Box::new(|a, b| if b == 0.0 { 0.0 } else { (a / b).trunc() }),
        Kind::Min => Box::new(f64::min),
        Kind::Max => Box::new(f64::max),
        Kind::Pow => Box::new(f64::powf),
        Kind::PRelu => Box::new(|a, b| if a >= 0.0 { a } else { a * b }),
        Kind::Mod if is_float => Box::new(|a, b| a - b * (a / b).floor()),
        Kind::Mod => Box::new(|a, b| if b == 0.0 { 0.0 } else { a - b * (a / b).floor() }),
        Kind::Fmod if is_float => Box::new(|a, b| a % b),
        Kind::Fmod => Box::new(|a, b| if b == 0.0 { 0.0 } else { a % b }),
        Kind::Equal => Box::new(move |a, b| truth(a == b)),
        Kind::Less => Box::new(move |a, b| truth(a < b)),
        Kind::LessEqual => Box::new(move |a, b| truth(a <= b)),
        Kind::Greater => Box::new(move |a, b| truth(a > b)),
        Kind::GreaterEqual => Box::new(move |a, b| truth(a >= b)),
        Kind::And => Box::new(move |a, b| truth(a != 0.0 && b != 0.0)),
        Kind::Or => Box::new(move |a, b| truth(a != 0.0 || b != 0.0)),
        Kind::Xor => Box::new(move |a, b| truth((a != 0.0) != (b != 0.0))),
        Kind::SquaredDifference => Box::new(|a, b| (a - b) * (a - b)),
    }
}

pub(super) fn select(condition: &Array, a: &Array, b: &Array, output: &Tensor) -> Array {
    Array::fill(output.dtype, &output.shape, |index| if condition.at(index) != 0.0 { a.at(index) } else { b.at(index) })
}

pub(super) fn cast(x: &Array, to: DType) -> Array {
    let from_float = matches!(x.dtype, DType::F32 | DType::F64 | DType::F16 | DType::BF16);
    let values = x.values.iter().map(|&v| converted(v, from_float, to)).collect();
    Array::new(to, &x.shape, values)
}

fn converted(value: f64, from_float: bool, to: DType) -> f64 {
    // Saturating from floats, wrapping from integers.
    macro_rules! integer {
        ($($dtype:ident => $t:ty),*) => {
            match to {
                $(DType::$dtype => if from_float { value as $t as f64 } else { value as i128 as $t as f64 },)*
                DType::Bool => f64::from(u8::from(value != 0.0)),
                DType::F32 => f64::from(value as f32),
                DType::F16 => half::f16::from_f64(value).to_f64(),
                DType::BF16 => half::bf16::from_f64(value).to_f64(),
                DType::F64 => value,
            }
        };
    }
    integer!(I8 => i8, U8 => u8, I16 => i16, U16 => u16, I32 => i32, U32 => u32, I64 => i64, U64 => u64)
}
