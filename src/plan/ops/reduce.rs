//! Reduction over some dimensions. Input `x`, any strides; output `y` of the same rank, with 1 in place of every
//! reduced dimension, dense. ArgMax and ArgMin give i64, take one axis, and tell the first index that attains the value.
//! Sum, Mean, SumSquare, L1, L2, LogSum, LogSumExp, Prod, Max, Min: f32; Sum, Prod, Max, Min also i32 and i64.
use crate::{Activation, OpError, Operands, field_enum, params};

field_enum! {
    /// What is computed.
    pub enum Kind {
        /// Σx
        Sum = 0,
        /// Σx / n
        Mean = 1,
        /// max x
        Max = 2,
        /// min x
        Min = 3,
        /// Πx
        Prod = 4,
        /// Σx²
        SumSquare = 5,
        /// Σ|x|
        L1 = 6,
        /// √Σx²
        L2 = 7,
        /// ln Σx
        LogSum = 8,
        /// ln Σeˣ
        LogSumExp = 9,
        /// index of the greatest
        ArgMax = 10,
        /// index of the least
        ArgMin = 11,
        /// Σx² / n
        MeanSquare = 12,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// What is computed.
        pub kind: Kind,
        /// Bit i stands for dimension i.
        pub axes: u32,
        /// Applied last; f32 outputs alone.
        pub activation: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
