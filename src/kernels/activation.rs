//! Elementwise functions of one value, as kernels know them.

/// Which function; `a` and `b` are the two constants of [`Function`]. The formulas are those of the plan's
/// `ActivationKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// x
    Identity = 0,
    /// min(max(x, a), b); ReLU is `a = 0, b = +∞`, ReLU6 `a = 0, b = 6`.
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

impl Kind {
    /// All of them.
    pub const ALL: &'static [Kind] = &[
        Kind::Identity,
        Kind::Clamp,
        Kind::Sigmoid,
        Kind::Tanh,
        Kind::Silu,
        Kind::HardSwish,
        Kind::HardSigmoid,
        Kind::GeluErf,
        Kind::GeluTanh,
        Kind::LeakyRelu,
        Kind::Elu,
        Kind::Selu,
        Kind::Celu,
        Kind::Softplus,
        Kind::Softsign,
        Kind::Mish,
        Kind::ThresholdedRelu,
        Kind::Exp,
        Kind::Ln,
        Kind::Sqrt,
        Kind::Rsqrt,
        Kind::Recip,
        Kind::Abs,
        Kind::Neg,
        Kind::Erf,
        Kind::Floor,
        Kind::Ceil,
        Kind::RoundEven,
        Kind::Sign,
        Kind::Sin,
        Kind::Cos,
        Kind::Square,
        Kind::PowConst,
        Kind::Affine,
        Kind::Shrink,
    ];
}

/// A function with its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Function {
    /// Which function.
    pub kind: Kind,
    /// First constant; 0 where the function has none.
    pub a: f32,
    /// Second constant; 0 where the function has none.
    pub b: f32,
}

impl Function {
    /// x
    pub const IDENTITY: Self = Self { kind: Kind::Identity, a: 0.0, b: 0.0 };
    /// max(x, 0)
    pub const RELU: Self = Self { kind: Kind::Clamp, a: 0.0, b: f32::INFINITY };
    /// min(max(x, 0), 6)
    pub const RELU6: Self = Self { kind: Kind::Clamp, a: 0.0, b: 6.0 };

    /// A function without constants.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, a: 0.0, b: 0.0 }
    }

    /// Whether values stay as they are.
    pub fn is_identity(&self) -> bool {
        self.kind == Kind::Identity
    }

    /// Lower and upper bound, where the function does no more than clamp to them.
    pub fn as_clamp(&self) -> Option<(f32, f32)> {
        match self.kind {
            Kind::Identity => Some((f32::NEG_INFINITY, f32::INFINITY)),
            Kind::Clamp => Some((self.a, self.b)),
            _ => None,
        }
    }
}
