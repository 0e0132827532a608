//! Tensors with their values, and what counts as equal.

use coulter_plan::DType;

/// Elements, little-endian, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Values of any element type, wide enough to be compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Float(Vec<f64>),
    Int(Vec<i128>),
    Text(Vec<String>),
}

/// |got − wanted| ≤ `absolute` + `relative` · |wanted|
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub absolute: f64,
    pub relative: f64,
}

impl Array {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The part with this index of the first dimension, which stays as 1.
    pub fn row(&self, index: usize) -> Self {
        let bytes = self.bytes.len() / self.shape[0];
        let mut shape = self.shape.clone();
        shape[0] = 1;
        Self { dtype: self.dtype, shape, bytes: self.bytes[index * bytes..][..bytes].to_vec() }
    }

    /// Its values.
    pub fn values(&self) -> Values {
        fn each<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
            bytes.chunks_exact(N).map(|c| read(c.try_into().expect("chunks of N"))).collect()
        }
        let b = &self.bytes;
        match self.dtype {
            DType::F32 => Values::Float(each(b, |v| f64::from(f32::from_le_bytes(v)))),
            DType::F64 => Values::Float(each(b, f64::from_le_bytes)),
            DType::F16 => Values::Float(each(b, |v| half::f16::from_le_bytes(v).to_f64())),
            DType::BF16 => Values::Float(each(b, |v| half::bf16::from_le_bytes(v).to_f64())),
            DType::I8 => Values::Int(each(b, |v| i8::from_le_bytes(v).into())),
            DType::U8 | DType::Bool => Values::Int(each(b, |v| u8::from_le_bytes(v).into())),
            DType::I16 => Values::Int(each(b, |v| i16::from_le_bytes(v).into())),
            DType::U16 => Values::Int(each(b, |v| u16::from_le_bytes(v).into())),
            DType::I32 => Values::Int(each(b, |v| i32::from_le_bytes(v).into())),
            DType::U32 => Values::Int(each(b, |v| u32::from_le_bytes(v).into())),
            DType::I64 => Values::Int(each(b, |v| i64::from_le_bytes(v).into())),
            DType::U64 => Values::Int(each(b, |v| u64::from_le_bytes(v).into())),
        }
    }
}

impl Values {
    /// Whole numbers.
    pub fn integers(self) -> Vec<i128> {
        match self {
            Values::Int(values) => values,
            other => panic!("integers are expected, not {other:?}"),
        }
    }
}

impl Tolerance {
    /// Whether all values agree; else the first that does not. Values that are not numbers agree with each other.
    pub fn check(&self, got: &Values, wanted: &Values) -> Result<(), String> {
        match (got, wanted) {
            (Values::Float(got), Values::Float(wanted)) => first_wrong(got, wanted, |g, w| {
                let close = w.is_finite() && (g - w).abs() <= self.absolute + self.relative * w.abs();
                close || g == w || (g.is_nan() && w.is_nan())
            }),
            (Values::Int(got), Values::Int(wanted)) => first_wrong(got, wanted, |g, w| g == w),
            (Values::Text(got), Values::Text(wanted)) => first_wrong(got, wanted, |g, w| g == w),
            _ => Err("another kind of element".into()),
        }
    }
}

fn first_wrong<T: std::fmt::Debug>(got: &[T], wanted: &[T], same: impl Fn(&T, &T) -> bool) -> Result<(), String> {
    if got.len() != wanted.len() {
        return Err(format!("{} elements instead of {}", got.len(), wanted.len()));
    }
    match got.iter().zip(wanted).position(|(g, w)| !same(g, w)) {
        Some(i) => Err(format!("element {i} is {:?} instead of {:?}", got[i], wanted[i])),
        None => Ok(()),
    }
}

#[test]
fn tolerance_sees_what_differs() {
    let tolerance = Tolerance { absolute: 1e-5, relative: 1e-3 };
    let check = |a: f64, b: f64| tolerance.check(&Values::Float(vec![a]), &Values::Float(vec![b])).is_ok();
    assert!(check(1.0009, 1.0) && check(f64::NAN, f64::NAN) && check(f64::INFINITY, f64::INFINITY));
    assert!(!check(1.002, 1.0) && !check(f64::NAN, 1.0) && !check(f64::NEG_INFINITY, f64::INFINITY));
    assert!(tolerance.check(&Values::Int(vec![1]), &Values::Int(vec![2])).is_err());
    assert!(tolerance.check(&Values::Float(vec![]), &Values::Float(vec![1.0])).is_err());
}
