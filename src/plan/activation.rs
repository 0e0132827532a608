//! Elementwise functions of one value: a step of their own, or the end of another step's epilogue.

use crate::{DType, OpError, field_enum, params};

field_enum! {
    /// Which function; `a` and `b` are the two constants of [`Activation`].
    #[non_exhaustive]
    pub enum ActivationKind {
        /// x
        Identity = 0,
        /// min(max(x, a), b); ReLU is `a = 0, b = +∞`, ReLU6 `a = 0, b = 6`. Neither is NaN; where a > b it is b.
        Clamp = 1,
        /// 1 / (1 + e⁻ˣ)
        Sigmoid = 2,
        /// tanh x
        Tanh = 3,
        /// x · sigmoid(x)
        Silu = 4,
        /// x · clamp(x/6 + 1/2, 0, 1)
        HardSwish = 5,
        /// clamp(a·x + b, 0, 1)
        HardSigmoid = 6,
        /// x/2 · (1 + erf(x/√2))
        GeluErf = 7,
        /// x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
        GeluTanh = 8,
        /// x where x ≥ 0, else a·x
        LeakyRelu = 9,
        /// x where x ≥ 0, else a·(eˣ − 1)
        Elu = 10,
        /// b·x where x > 0, else b·a·(eˣ − 1)
        Selu = 11,
        /// max(0, x) + min(0, a·(e^{x/a} − 1))
        Celu = 12,
        /// ln(1 + eˣ)
        Softplus = 13,
        /// x / (1 + |x|)
        Softsign = 14,
        /// x · tanh(softplus(x))
        Mish = 15,
        /// x where x > a, else 0
        ThresholdedRelu = 16,
        /// eˣ
        Exp = 17,
        /// ln x
        Ln = 18,
        /// √x
        Sqrt = 19,
        /// 1 / √x
        Rsqrt = 20,
        /// 1 / x
        Recip = 21,
        /// |x|
        Abs = 22,
        /// −x
        Neg = 23,
        /// erf x
        Erf = 24,
        /// ⌊x⌋
        Floor = 25,
        /// ⌈x⌉
        Ceil = 26,
        /// nearest integer, ties to even
        RoundEven = 27,
        /// −1, 0 or 1
        Sign = 28,
        /// sin x
        Sin = 29,
        /// cos x
        Cos = 30,
        /// x²
        Square = 31,
        /// xᵃ
        PowConst = 32,
        /// a·x + b
        Affine = 33,
        /// shrink: x − b where x > a, x + b where x < −a, else 0
        Shrink = 34,
    }
}

params! {
    /// A function with its constants.
    pub struct Activation {
        /// Which function.
        pub kind: ActivationKind,
        /// First constant; 0 where the function has none.
        pub a: f32,
        /// Second constant; 0 where the function has none.
        pub b: f32,
    }
}

impl Default for Activation {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Activation {
    /// x
    pub const IDENTITY: Self = Self { kind: ActivationKind::Identity, a: 0.0, b: 0.0 };
    /// max(x, 0)
    pub const RELU: Self = Self { kind: ActivationKind::Clamp, a: 0.0, b: f32::INFINITY };
    /// min(max(x, 0), 6)
    pub const RELU6: Self = Self { kind: ActivationKind::Clamp, a: 0.0, b: 6.0 };

    /// A function without constants.
    pub const fn new(kind: ActivationKind) -> Self {
        Self { kind, a: 0.0, b: 0.0 }
    }

    /// Bounds of a clamp are numbers.
    pub(crate) fn check(&self) -> Result<(), OpError> {
        let bounds_are_numbers = !self.a.is_nan() && !self.b.is_nan();
        if self.kind != ActivationKind::Clamp || bounds_are_numbers { Ok(()) } else { Err(OpError::Params) }
    }

    /// As [`Activation::check`], where only f32 results have one.
    pub(crate) fn check_for(&self, dtype: DType) -> Result<(), OpError> {
        if dtype == DType::F32 || self.kind == ActivationKind::Identity { self.check() } else { Err(OpError::Type) }
    }
}
