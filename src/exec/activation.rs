//! The plan's functions as kernels know them.

use coulter_kernels::activation::{Function, Kind};
use coulter_plan::{Activation, ActivationKind, OpError};

/// Same function, same constants; an error for one that this build's kernels do not know.
pub(crate) fn function(activation: Activation) -> Result<Function, OpError> {
    let Activation { kind, a, b } = activation;
    Ok(Function { kind: kind_of(kind)?, a, b })
}

fn kind_of(kind: ActivationKind) -> Result<Kind, OpError> {
    Ok(match kind {
        ActivationKind::Identity => Kind::Identity,
        ActivationKind::Clamp => Kind::Clamp,
        ActivationKind::Sigmoid => Kind::Sigmoid,
        ActivationKind::Tanh => Kind::Tanh,
        ActivationKind::Silu => Kind::Silu,
        ActivationKind::HardSwish => Kind::HardSwish,
        ActivationKind::HardSigmoid => Kind::HardSigmoid,
        ActivationKind::GeluErf => Kind::GeluErf,
        ActivationKind::GeluTanh => Kind::GeluTanh,
        ActivationKind::LeakyRelu => Kind::LeakyRelu,
        ActivationKind::Elu => Kind::Elu,
        ActivationKind::Selu => Kind::Selu,
        ActivationKind::Celu => Kind::Celu,
        ActivationKind::Softplus => Kind::Softplus,
        ActivationKind::Softsign => Kind::Softsign,
        ActivationKind::Mish => Kind::Mish,
        ActivationKind::ThresholdedRelu => Kind::ThresholdedRelu,
        ActivationKind::Exp => Kind::Exp,
        ActivationKind::Ln => Kind::Ln,
        ActivationKind::Sqrt => Kind::Sqrt,
        ActivationKind::Rsqrt => Kind::Rsqrt,
        ActivationKind::Recip => Kind::Recip,
        ActivationKind::Abs => Kind::Abs,
        ActivationKind::Neg => Kind::Neg,
        ActivationKind::Erf => Kind::Erf,
        ActivationKind::Floor => Kind::Floor,
        ActivationKind::Ceil => Kind::Ceil,
        ActivationKind::RoundEven => Kind::RoundEven,
        ActivationKind::Sign => Kind::Sign,
        ActivationKind::Sin => Kind::Sin,
        ActivationKind::Cos => Kind::Cos,
        ActivationKind::Square => Kind::Square,
        ActivationKind::PowConst => Kind::PowConst,
        ActivationKind::Affine => Kind::Affine,
        ActivationKind::Shrink => Kind::Shrink,
        _ => return Err(OpError::Params),
    })
}
