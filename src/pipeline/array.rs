//! Arrays outside of a plan.

use coulter_plan::DType;
use half::{bf16, f16};

/// A dense row-major array; elements are little-endian, as in a plan's arena.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Elements.
    pub bytes: Vec<u8>,
}

/// Converts every element of `bytes` by `read`.
fn each<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|c| read(*c)).collect()
}

impl Array {
    /// An array of f32.
    pub fn from_f32(shape: Vec<usize>, values: &[f32]) -> Self {
        Self { dtype: DType::F32, shape, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements as f64; 64-bit integers beyond 2⁵³ are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        let b = &self.bytes[..];
        match self.dtype {
            DType::F32 => each(b, |v| f64::from(f32::from_le_bytes(v))),
            DType::F64 => each(b, f64::from_le_bytes),
            DType::F16 => each(b, |v| f16::from_le_bytes(v).to_f64()),
            DType::BF16 => each(b, |v| bf16::from_le_bytes(v).to_f64()),
            DType::I8 => each(b, |v| f64::from(i8::from_le_bytes(v))),
            DType::U8 | DType::Bool => each(b, |v| f64::from(u8::from_le_bytes(v))),
            DType::I16 => each(b, |v| f64::from(i16::from_le_bytes(v))),
            DType::U16 => each(b, |v| f64::from(u16::from_le_bytes(v))),
            DType::I32 => each(b, |v| f64::from(i32::from_le_bytes(v))),
            DType::U32 => each(b, |v| f64::from(u32::from_le_bytes(v))),
            DType::I64 => each(b, |v| i64::from_le_bytes(v) as f64),
            DType::U64 => each(b, |v| u64::from_le_bytes(v) as f64),
        }
    }

    /// The same elements as another type; `None` where a value would change (a fraction or a number too large
    /// for an integer type). Floats are rounded to the nearest of their type.
    pub fn convert(&self, dtype: DType) -> Option<Self> {
        if dtype == self.dtype {
            return Some(self.clone());
        }
        let bytes = match integers(self) {
            Some(values) => from_integers(&values, dtype)?,
            None => from_floats(&self.to_f64(), dtype)?,
        };
        Some(Self { dtype, shape: self.shape.clone(), bytes })
    }
}

/// Elements of an array of integers.
fn integers(array: &Array) -> Option<Vec<i128>> {
    let b = &array.bytes[..];
    match array.dtype {
        DType::I64 => Some(each(b, |v| i128::from(i64::from_le_bytes(v)))),
        DType::U64 => Some(each(b, |v| i128::from(u64::from_le_bytes(v)))),
        dtype if dtype.is_float() => None,
        _ => Some(array.to_f64().into_iter().map(|v| v as i128).collect()),
    }
}

/// Writes each value by `write`, which may refuse it.
fn collect<T, const N: usize>(values: &[T], write: impl Fn(&T) -> Option<[u8; N]>) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(values.len() * N);
    for value in values {
        bytes.extend(write(value)?);
    }
    Some(bytes)
}

fn from_integers(values: &[i128], dtype: DType) -> Option<Vec<u8>> {
    fn exact<T: TryFrom<i128>>(value: &i128) -> Option<T> {
        T::try_from(*value).ok()
    }
    match dtype {
        DType::I8 => collect(values, |v| exact::<i8>(v).map(i8::to_le_bytes)),
        DType::U8 => collect(values, |v| exact::<u8>(v).map(u8::to_le_bytes)),
        DType::I16 => collect(values, |v| exact::<i16>(v).map(i16::to_le_bytes)),
        DType::U16 => collect(values, |v| exact::<u16>(v).map(u16::to_le_bytes)),
        DType::I32 => collect(values, |v| exact::<i32>(v).map(i32::to_le_bytes)),
        DType::U32 => collect(values, |v| exact::<u32>(v).map(u32::to_le_bytes)),
        DType::I64 => collect(values, |v| exact::<i64>(v).map(i64::to_le_bytes)),
        DType::U64 => collect(values, |v| exact::<u64>(v).map(u64::to_le_bytes)),
        DType::Bool => collect(values, |v| exact::<u8>(v).filter(|b| *b < 2).map(u8::to_le_bytes)),
        DType::F32 | DType::F64 | DType::F16 | DType::BF16 => {
            from_floats(&values.iter().map(|&v| v as f64).collect::<Vec<_>>(), dtype)
        }
    }
}

fn from_floats(values: &[f64], dtype: DType) -> Option<Vec<u8>> {
    match dtype {
        DType::F32 => collect(values, |v| Some((*v as f32).to_le_bytes())),
        DType::F64 => collect(values, |v| Some(v.to_le_bytes())),
        DType::F16 => collect(values, |v| Some(f16::from_f64(*v).to_le_bytes())),
        DType::BF16 => collect(values, |v| Some(bf16::from_f64(*v).to_le_bytes())),
        _ => {
            let whole = |v: &f64| (v.fract() == 0.0 && v.abs() < 2f64.powi(63)).then_some(*v as i128);
            from_integers(&values.iter().map(whole).collect::<Option<Vec<_>>>()?, dtype)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_keep_values_or_refuse() {
        let bytes = Array { dtype: DType::U8, shape: vec![3], bytes: vec![0, 7, 255] };
        assert_eq!(bytes.convert(DType::F32), Some(Array::from_f32(vec![3], &[0.0, 7.0, 255.0])));
        assert_eq!(bytes.convert(DType::I8), None);
        assert_eq!(bytes.convert(DType::I64).map(|a| a.to_f64()), Some(vec![0.0, 7.0, 255.0]));
        let floats = Array::from_f32(vec![2], &[1.0, 2.5]);
        assert_eq!(floats.convert(DType::I32), None);
        assert_eq!(floats.convert(DType::F16).map(|a| a.to_f64()), Some(vec![1.0, 2.5]));
        let large = Array { dtype: DType::I64, shape: vec![1], bytes: i64::MAX.to_le_bytes().to_vec() };
        assert_eq!(large.convert(DType::U64).map(|a| a.bytes), Some(i64::MAX.to_le_bytes().to_vec()));
        assert_eq!(large.convert(DType::I32), None);
    }
}
