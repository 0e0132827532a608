//! Elementwise function of two tensors of one type. Operands have the output's shape; a broadcast dimension is
//! one with stride 0. The output may be an operand of the same strides. Comparisons give bool.
//! Types: f32, i32, i64 for arithmetic and comparisons; bool for And, Or, Xor, Equal. Integer division truncates,
//! and by zero gives zero, as do the remainders; integer overflow wraps; an integer to a negative power is the truncated
//! quotient of 1 and the power, of 0 it is 0. Min and Max are NaN where an operand is, comparisons then false.
use crate::rules;
use crate::{Activation, DType, OpError, Operands, field_enum, params};

field_enum! {
    /// Which function.
    pub enum Kind {
        /// a + b
        Add = 0,
        /// a − b
        Sub = 1,
        /// a · b
        Mul = 2,
        /// a / b
        Div = 3,
        /// min(a, b)
        Min = 4,
        /// max(a, b)
        Max = 5,
        /// aᵇ
        Pow = 6,
        /// a where a ≥ 0, else a·b
        PRelu = 7,
        /// remainder with the sign of the divisor
        Mod = 8,
        /// remainder with the sign of the dividend
        Fmod = 9,
        /// a = b
        Equal = 10,
        /// a < b
        Less = 11,
        /// a ≤ b
        LessEqual = 12,
        /// a > b
        Greater = 13,
        /// a ≥ b
        GreaterEqual = 14,
        /// a ∧ b
        And = 15,
        /// a ∨ b
        Or = 16,
        /// a ⊕ b
        Xor = 17,
        /// (a − b)²
        SquaredDifference = 18,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// The function.
        pub kind: Kind,
        /// Applied last; f32 outputs alone.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[0, 1];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

impl Kind {
    /// Whether the result is a truth value.
    pub fn is_comparison(self) -> bool {
        matches!(self, Kind::Equal | Kind::Less | Kind::LessEqual | Kind::Greater | Kind::GreaterEqual)
    }

    /// Whether operands and result are truth values.
    pub fn is_logical(self) -> bool {
        matches!(self, Kind::And | Kind::Or | Kind::Xor)
    }
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=2, 1..=1)?;
    let (a, b, y) = (rules::input(operands, 0)?, rules::input(operands, 1)?, rules::output(operands, 0)?);
    let taken = match a.dtype {
        DType::Bool => params.kind.is_logical() || params.kind == Kind::Equal,
        DType::F32 | DType::I32 | DType::I64 => !params.kind.is_logical(),
        _ => false,
    };
    let given = if params.kind.is_comparison() { DType::Bool } else { a.dtype };
    rules::ensure(taken && b.dtype == a.dtype && y.dtype == given, OpError::Type)?;
    rules::same_dims(&a, &y)?;
    rules::same_dims(&b, &y)?;
    params.activation.check_for(y.dtype)
}
