//! Element types of plans and of tract.

use coulter_plan::DType;
use tract_onnx::prelude::DatumType;

/// tract's type; `None` for bf16.
pub(crate) fn to_tract(dtype: DType) -> Option<DatumType> {
    Some(match dtype {
        DType::F32 => DatumType::F32,
        DType::F16 => DatumType::F16,
        DType::F64 => DatumType::F64,
        DType::I8 => DatumType::I8,
        DType::U8 => DatumType::U8,
        DType::I16 => DatumType::I16,
        DType::U16 => DatumType::U16,
        DType::I32 => DatumType::I32,
        DType::U32 => DatumType::U32,
        DType::I64 => DatumType::I64,
        DType::U64 => DatumType::U64,
        DType::Bool => DatumType::Bool,
        DType::BF16 => return None,
    })
}

/// The plan's type; `None` for text and others that a plan does not have. tract's dimensions are ONNX's i64, and
/// its quantized types are those of their numbers.
pub(crate) fn from_tract(dtype: DatumType) -> Option<DType> {
    if dtype == DatumType::TDim {
        return Some(DType::I64);
    }
    DType::ALL.into_iter().find(|&candidate| to_tract(candidate) == Some(dtype.unquantized()))
}
