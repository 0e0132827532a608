//! What operators compute, element by element, in f64.

use coulter_plan::ops::binary::Kind as BinaryKind;
use coulter_plan::{Activation, ActivationKind as K};

/// f(x)
pub(crate) fn activation(f: Activation, x: f64) -> f64 {
    let (a, b) = (f64::from(f.a), f64::from(f.b));
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    // A loss-free logarithm of 1 + eˣ at both ends.
    let softplus = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
    match f.kind {
        K::Identity => x,
        K::Clamp => clamp(x, a, b),
        K::Sigmoid => sigmoid(x),
        K::Tanh => libm::tanh(x),
        K::Silu => x * sigmoid(x),
        K::HardSwish => x * clamp(x / 6.0 + 0.5, 0.0, 1.0),
        K::HardSigmoid => clamp(a * x + b, 0.0, 1.0),
        K::GeluErf => 0.5 * x * libm::erfc(-x / std::f64::consts::SQRT_2),
        K::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
            0.5 * x * (1.0 + libm::tanh(inner))
        }
        K::LeakyRelu => at_least(x, 0.0, x, a * x),
        K::Elu => at_least(x, 0.0, x, a * libm::expm1(x)),
        K::Selu => at_least(x, 0.0, b * x, b * a * libm::expm1(x)),
        K::Celu => x.max(0.0) + (a * libm::expm1(x / a)).min(0.0),
        K::Softplus => softplus(x),
        K::Softsign => x / (1.0 + x.abs()),
        K::Mish => x * libm::tanh(softplus(x)),
        K::ThresholdedRelu => {
            if x > a {
                x
            } else {
                0.0
            }
        }
        K::Exp => libm::exp(x),
        K::Ln => libm::log(x),
        K::Sqrt => x.sqrt(),
        K::Rsqrt => 1.0 / x.sqrt(),
        K::Recip => 1.0 / x,
        K::Abs => x.abs(),
        K::Neg => -x,
        K::Erf => libm::erf(x),
        K::Floor => x.floor(),
        K::Ceil => x.ceil(),
        K::RoundEven => x.round_ties_even(),
        K::Sign if x.is_nan() || x == 0.0 => x,
        K::Sign => x.signum(),
        K::Sin => libm::sin(x),
        K::Cos => libm::cos(x),
        K::Square => x * x,
        K::PowConst => libm::pow(x, a),
        K::Affine => a * x + b,
        K::Shrink if x > a => x - b,
        K::Shrink if x < -a => x + b,
        K::Shrink => 0.0,
        // A function that this list does not know yet cannot be computed ahead of time.
        _ => f64::NAN,
    }
}

/// Whether [`activation`] knows the function.
pub(crate) fn knows(kind: K) -> bool {
    (kind as u32) <= K::Shrink as u32
}

fn clamp(x: f64, low: f64, high: f64) -> f64 {
    if x.is_nan() { x } else { x.max(low).min(high) }
}

/// `above` where x ≥ `bound`, else `below`, so that NaN takes the second formula.
fn at_least(x: f64, bound: f64, above: f64, below: f64) -> f64 {
    if x >= bound { above } else { below }
}

/// a ∘ b; truth values are 0 and 1. Arithmetic is that of real numbers.
pub(crate) fn binary(kind: BinaryKind, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match kind {
        BinaryKind::Add => a + b,
        BinaryKind::Sub => a - b,
        BinaryKind::Mul => a * b,
        BinaryKind::Div => a / b,
        BinaryKind::Min if a.is_nan() || b.is_nan() => f64::NAN,
        BinaryKind::Min => a.min(b),
        BinaryKind::Max if a.is_nan() || b.is_nan() => f64::NAN,
        BinaryKind::Max => a.max(b),
        BinaryKind::Pow => libm::pow(a, b),
        BinaryKind::PRelu => at_least(a, 0.0, a, a * b),
        BinaryKind::Mod => a - b * (a / b).floor(),
        BinaryKind::Fmod => libm::fmod(a, b),
        BinaryKind::Equal => truth(a == b),
        BinaryKind::Less => truth(a < b),
        BinaryKind::LessEqual => truth(a <= b),
        BinaryKind::Greater => truth(a > b),
        BinaryKind::GreaterEqual => truth(a >= b),
        BinaryKind::And => truth(a != 0.0 && b != 0.0),
        BinaryKind::Or => truth(a != 0.0 || b != 0.0),
        BinaryKind::Xor => truth((a != 0.0) != (b != 0.0)),
        BinaryKind::SquaredDifference => (a - b) * (a - b),
    }
}
