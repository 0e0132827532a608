//! Elementwise functions in f64, by the formulas of the plan's documentation.

/// `x` under the activation called `kind`, with its constants.
///
/// # Panics
/// If there is no such activation.
pub fn activation(kind: &str, a: f64, b: f64, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let clamp = |x: f64, low: f64, high: f64| if x.is_nan() { x } else { x.max(low).min(high) };
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    match kind {
        "Identity" => x,
        "Clamp" => clamp(x, a, b),
        "Sigmoid" => sigmoid(x),
        "Tanh" => x.tanh(),
        "Silu" => x * sigmoid(x),
        "HardSwish" => x * clamp(x / 6.0 + 0.5, 0.0, 1.0),
        "HardSigmoid" => clamp(a * x + b, 0.0, 1.0),
        "GeluErf" => x / 2.0 * libm::erfc(-x / 2f64.sqrt()),
        "GeluTanh" => x / 2.0 * (1.0 + ((2.0 / core::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh()),
        "LeakyRelu" if x < 0.0 => a * x,
        "Elu" if x < 0.0 => a * x.exp_m1(),
        "LeakyRelu" | "Elu" => x,
        "Selu" if x > 0.0 => b * x,
        "Selu" => b * a * x.exp_m1(),
        "Celu" if x > 0.0 => x,
        "Celu" => a * (x / a).exp_m1(),
        "Softplus" if x.is_nan() => x,
        "Softplus" => softplus(x),
        "Softsign" => x / (1.0 + x.abs()),
        "Mish" => x * softplus(x).tanh(),
        "ThresholdedRelu" if x.is_nan() || x > a => x,
        "ThresholdedRelu" => 0.0,
        "Exp" => x.exp(),
        "Ln" => x.ln(),
        "Sqrt" => x.sqrt(),
        "Rsqrt" => 1.0 / x.sqrt(),
        "Recip" => 1.0 / x,
        "Abs" => x.abs(),
        "Neg" => -x,
        "Erf" => libm::erf(x),
        "Floor" => x.floor(),
        "Ceil" => x.ceil(),
        "RoundEven" => x.round_ties_even(),
        "Sign" if x.is_nan() || x == 0.0 => x + 0.0,
        "Sign" => x.signum(),
        "Sin" => x.sin(),
        "Cos" => x.cos(),
        "Square" => x * x,
        "PowConst" => x.powf(a),
        "Affine" => a * x + b,
        "Shrink" if x > a => x - b,
        "Shrink" if x < -a => x + b,
        "Shrink" if x.is_nan() => x,
        "Shrink" => 0.0,
        _ => panic!("no activation is called {kind}"),
    }
}
