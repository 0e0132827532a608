//! What tests of quantized products share: random epilogues, rows of bytes with gaps between them.

use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use crate::requantize::{Epilogue, Inner, Requantize, Residual};
use crate::{IsaSet, Rows, RowsMut, View, table};

/// Fills the gaps of outputs.
const UNTOUCHED: u8 = 0xcd;

/// Rows with gaps between them, the last without one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bytes {
    data: Vec<u8>,
    rows: usize,
    cols: usize,
    pitch: usize,
}

impl Bytes {
    /// Of any bytes.
    pub(crate) fn new(rng: &mut Rng, rows: usize, cols: usize, mut of: impl FnMut(&mut Rng) -> u8) -> Self {
        let pitch = cols + rng.pick(&[0, 0, 1, 5]);
        let len = rows * pitch - if rows == 0 { 0 } else { pitch - cols };
        let data = (0..len).map(|i| if i % pitch < cols { of(rng) } else { UNTOUCHED }).collect();
        Self { data, rows, cols, pitch }
    }

    /// An input: any bytes, or extreme ones alone.
    pub(crate) fn random(rng: &mut Rng, rows: usize, cols: usize) -> Self {
        match rng.in_range(0..=5) {
            0 => Self::new(rng, rows, cols, |_| 255),
            1 => Self::new(rng, rows, cols, |rng| rng.pick(&[0, 255])),
            _ => Self::new(rng, rows, cols, |rng| rng.next_u64() as u8),
        }
    }

    /// An output.
    pub(crate) fn blank(rng: &mut Rng, rows: usize, cols: usize) -> Self {
        Self::new(rng, rows, cols, |_| UNTOUCHED)
    }

    pub(crate) fn rows(&self) -> Rows<'_, u8> {
        Rows::of(&self.data, self.rows, self.cols, self.pitch)
    }

    pub(crate) fn rows_mut(&mut self) -> RowsMut<'_, u8> {
        RowsMut::of(&mut self.data, self.rows, self.cols, self.pitch)
    }

    pub(crate) fn at(&self, row: usize, col: usize) -> u8 {
        assert!(col < self.cols);
        self.data[row * self.pitch + col]
    }

    /// Fails unless the gaps are as they were and each byte is what `expected` tells.
    pub(crate) fn expect(&self, what: &str, mut expected: impl FnMut(usize, usize) -> u8) {
        for (i, &byte) in self.data.iter().enumerate() {
            let (row, col) = (i / self.pitch, i % self.pitch);
            let expected = if col < self.cols { expected(row, col) } else { UNTOUCHED };
            assert_eq!(byte, expected, "{what}: at row {row}, column {col}");
        }
    }
}

/// Weights: any bytes, or extreme ones alone.
pub(crate) fn random_weights(rng: &mut Rng, len: usize) -> Vec<i8> {
    match rng.in_range(0..=5) {
        0 => vec![-128; len],
        1 => vec![127; len],
        2 => (0..len).map(|_| rng.pick(&[-128, 127])).collect(),
        _ => (0..len).map(|_| rng.next_u64() as i8).collect(),
    }
}

/// An epilogue with its operands.
#[derive(Debug)]
pub(crate) struct Ends {
    /// Columns of a group.
    of_group: usize,
    /// The same with those that fill its last panel.
    padded: usize,
    bias: Vec<i32>,
    multiplier: Vec<f32>,
    requantize: Requantize,
    pub(crate) residual: Option<(Bytes, Residual)>,
    table: Option<Vec<u8>>,
}

fn random_requantize(rng: &mut Rng) -> Requantize {
    let zero = rng.pick(&[0, 3, 128, 255]);
    let (low, high) = rng.pick(&[(0, 255), (0, 255), (zero, 255), (17, 203), (99, 99)]);
    Requantize { zero, low, high }
}

impl Ends {
    /// For sums of `depth` products, `rows` of them by `cols` in so many groups.
    pub(crate) fn random(rng: &mut Rng, depth: usize, rows: usize, cols: usize, groups: usize) -> Self {
        let of_group = cols / groups;
        let padded = of_group.next_multiple_of(16);
        // Sums spread over all bytes, and beyond them.
        let scale = 2f32.powi(rng.in_range(0..=9) as i32 - 14) / (depth.max(1) as f32).sqrt();
        let inner = Inner { scale: 0.5 + rng.f32().abs(), requantize: random_requantize(rng) };
        let how = Residual {
            scale: rng.pick(&[1.0, 0.37, 2.5]),
            zero: rng.pick(&[0, 128, 200, 255]),
            inner: rng.coin().then_some(inner),
        };
        let spread = 1000 * depth as i64 + 1;
        Self {
            of_group,
            padded,
            bias: (0..groups * padded).map(|_| (rng.next_u64() as i64 % spread) as i32).collect(),
            multiplier: (0..groups * padded).map(|_| scale * (1.0 + rng.f32().abs())).collect(),
            requantize: random_requantize(rng),
            residual: rng.coin().then(|| (Bytes::random(rng, rows, cols), how)),
            table: (rng.in_range(0..=3) == 0).then(|| (0..256).map(|_| rng.next_u64() as u8).collect()),
        }
    }

    /// Multiplies all multipliers.
    pub(crate) fn scale_by(&mut self, factor: f32) {
        self.multiplier.iter_mut().for_each(|m| *m *= factor);
    }

    /// The epilogue; with `own`, the output's rows, as residual where it has one.
    pub(crate) fn epilogue<'a>(&'a self, own: Option<Rows<'a, u8>>) -> Epilogue<'a> {
        let residual = self.residual.as_ref().map(|(bytes, how)| (own.unwrap_or(bytes.rows()), *how));
        let Self { bias, multiplier, requantize, .. } = self;
        let (requantize, look_up) = (*requantize, table::select(IsaSet::detect()));
        Epilogue { bias, multiplier, requantize, residual, table: self.table.as_deref(), look_up }
    }

    /// What becomes of a sum, in the contract's words.
    pub(crate) fn expected(&self, row: usize, col: usize, sum: i64) -> u8 {
        let quantize = |v: f32, to: &Requantize| {
            let q = i64::from(v.round_ties_even() as i32) + i64::from(to.zero);
            q.clamp(to.low.into(), to.high.into()) as u8
        };
        let at = col / self.of_group * self.padded + col % self.of_group;
        let sum = (sum as i32).wrapping_add(self.bias[at]);
        let mut v = sum as f32 * self.multiplier[at];
        if let Some((bytes, how)) = &self.residual {
            if let Some(inner) = &how.inner {
                let q = quantize(v, &inner.requantize);
                v = (i32::from(q) - i32::from(inner.requantize.zero)) as f32 * inner.scale;
            }
            v += (i32::from(bytes.at(row, col)) - i32::from(how.zero)) as f32 * how.scale;
        }
        let y = quantize(v, &self.requantize);
        self.table.as_ref().map_or(y, |table| table[usize::from(y)])
    }
}

/// The rows of an output for reading, as an operator is given them that works in place.
pub(crate) fn own_rows<'a>(y: &RowsMut<'_, u8>) -> Rows<'a, u8> {
    // SAFETY: the elements of the output, which outlives the call that is given them.
    let view = unsafe { View::from_raw(y.as_ptr(), &[y.rows(), y.cols()], &[y.pitch() as isize, 1]) };
    view.rows().expect("rows are rows")
}
