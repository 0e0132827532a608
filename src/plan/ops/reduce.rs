//! Reduction over some dimensions. Input `x`, any strides; output `y` of the same rank, with 1 in place of every
//! reduced dimension, dense. ArgMax and ArgMin give i64, take one axis, not empty, and tell the first index that attains
//! the value, or that of the first NaN. Max and Min are NaN where an element is; of no elements Max is the least value of
//! the type (−∞), Min the greatest, Sum 0, Prod 1 and Mean NaN. All take f32; Sum, Prod, Max, Min, ArgMax and ArgMin also
//! i32 and i64.
use crate::rules;
use crate::{Activation, DType, OpError, Operands, field_enum, params};

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

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

impl Kind {
    /// Whether the result is an index.
    pub fn is_index(self) -> bool {
        matches!(self, Kind::ArgMax | Kind::ArgMin)
    }

    /// Whether elements of this type can be reduced so.
    pub fn takes(self, dtype: DType) -> bool {
        let on_integers = matches!(self, Kind::Sum | Kind::Prod | Kind::Max | Kind::Min | Kind::ArgMax | Kind::ArgMin);
        dtype == DType::F32 || on_integers && matches!(dtype, DType::I32 | DType::I64)
    }
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let (x, y) = (rules::input(operands, 0)?, rules::output(operands, 0)?);
    let given = if params.kind.is_index() { DType::I64 } else { x.dtype };
    rules::ensure(params.kind.takes(x.dtype) && y.dtype == given, OpError::Type)?;
    rules::dense(&y)?;
    let rank = x.dims.len();
    rules::ensure(u64::from(params.axes) < 1 << rank, OpError::Params)?;
    rules::ensure(y.dims.len() == rank, OpError::Shape)?;
    for (i, (&dim, &kept)) in x.dims.iter().zip(y.dims.iter()).enumerate() {
        let reduced = params.axes >> i & 1 == 1;
        rules::ensure(kept == if reduced { 1 } else { dim }, OpError::Shape)?;
        rules::ensure(!(reduced && params.kind.is_index() && dim == 0), OpError::Shape)?;
    }
    rules::ensure(!params.kind.is_index() || params.axes.count_ones() == 1, OpError::Params)?;
    params.activation.check_for(y.dtype)
}
