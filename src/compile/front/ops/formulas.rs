//! Arithmetic on tensors, short to write; all of it is done at once on constants.

use coulter_plan::ops::binary::Kind;
use coulter_plan::{Activation, ActivationKind, DType};

use crate::front::importer::Importer;
use crate::front::node::Decline;
use crate::graph::TensorId;

impl Importer<'_> {
    /// a + b
    pub(crate) fn add(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        self.binary(Kind::Add, a, b)
    }

    /// a − b
    pub(crate) fn sub(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        self.binary(Kind::Sub, a, b)
    }

    /// a · b
    pub(crate) fn mul(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        self.binary(Kind::Mul, a, b)
    }

    /// a / b
    pub(crate) fn div(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        self.binary(Kind::Div, a, b)
    }

    /// A comparison with a number.
    pub(crate) fn compare(&mut self, kind: Kind, a: TensorId, with: f64) -> Result<TensorId, Decline> {
        let number = self.scalar(with, self.dtype(a), self.rank(a));
        self.binary(kind, a, number)
    }

    /// min(max(x, low), high), f32.
    pub(crate) fn clamp(&mut self, x: TensorId, low: f32, high: f32) -> Result<TensorId, Decline> {
        self.unary(x, Activation { kind: ActivationKind::Clamp, a: low, b: high })
    }

    /// xᵃ, f32.
    pub(crate) fn power(&mut self, x: TensorId, a: f32) -> Result<TensorId, Decline> {
        match a {
            1.0 => Ok(x),
            2.0 => self.function(x, ActivationKind::Square),
            0.5 => self.function(x, ActivationKind::Sqrt),
            -0.5 => self.function(x, ActivationKind::Rsqrt),
            -1.0 => self.function(x, ActivationKind::Recip),
            _ => self.unary(x, Activation { kind: ActivationKind::PowConst, a, b: 0.0 }),
        }
    }

    /// 0, 1, …, as a constant of rank 1.
    pub(crate) fn iota(&mut self, count: usize, dtype: DType) -> Result<TensorId, Decline> {
        let values: Vec<i64> = (0..count as i64).collect();
        let whole = self.constant_i64(&[count], &values);
        self.cast(whole, dtype)
    }

    /// A tensor of one dimension, or of one element, placed along dimension `axis` of tensors of this rank.
    pub(crate) fn along(&mut self, x: TensorId, axis: usize, rank: usize) -> Result<TensorId, Decline> {
        let mut shape = vec![1; rank];
        shape[axis] = self.graph.tensor(x).len();
        self.reshape(x, &shape)
    }

    /// condition ? number : x
    pub(crate) fn replaced(&mut self, condition: TensorId, number: f64, x: TensorId) -> Result<TensorId, Decline> {
        let number = self.scalar(number, self.dtype(x), self.rank(x));
        self.select(condition, number, x)
    }

    /// The opposite of a truth value.
    pub(crate) fn not(&mut self, x: TensorId) -> Result<TensorId, Decline> {
        let truth = self.scalar(1.0, DType::Bool, self.rank(x));
        self.binary(Kind::Xor, x, truth)
    }
}
