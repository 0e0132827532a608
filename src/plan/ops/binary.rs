//! Elementwise function of two tensors of one type. Operands have the output's shape; a broadcast dimension is
//! one with stride 0. The output may be an operand of the same strides. Comparisons give bool.
//! Types: f32, i32, i64 for arithmetic and comparisons; bool for And, Or, Xor, Equal. Integer division truncates,
//! and by zero gives zero; integer overflow wraps.
use crate::{Activation, OpError, Operands, field_enum, params};

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

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
