//! ONNX's tensors and element types, and ours.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use coulter_plan::DType;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{SparseTensorProto, TensorProto};

use crate::graph::Value;

/// A constant of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Elements.
    pub value: Value,
}

/// Our type for ONNX's; `None` for strings, complex numbers, and floats and integers of 8 bits and less that a plan
/// cannot hold.
pub(crate) fn dtype(number: i32) -> Option<DType> {
    Some(match DataType::try_from(number).ok()? {
        DataType::Float => DType::F32,
        DataType::Uint8 => DType::U8,
        DataType::Int8 => DType::I8,
        DataType::Uint16 => DType::U16,
        DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 => DType::I64,
        DataType::Bool => DType::Bool,
        DataType::Float16 => DType::F16,
        DataType::Double => DType::F64,
        DataType::Uint32 => DType::U32,
        DataType::Uint64 => DType::U64,
        DataType::Bfloat16 => DType::BF16,
        _ => return None,
    })
}

/// ONNX's number for our type.
pub(crate) fn number(dtype: DType) -> i32 {
    let found = match dtype {
        DType::F32 => DataType::Float,
        DType::F16 => DataType::Float16,
        DType::BF16 => DataType::Bfloat16,
        DType::F64 => DataType::Double,
        DType::I8 => DataType::Int8,
        DType::U8 => DataType::Uint8,
        DType::I16 => DataType::Int16,
        DType::U16 => DataType::Uint16,
        DType::I32 => DataType::Int32,
        DType::U32 => DataType::Uint32,
        DType::I64 => DataType::Int64,
        DType::U64 => DataType::Uint64,
        DType::Bool => DataType::Bool,
    };
    found as i32
}

/// What ONNX calls an element type.
pub(crate) fn type_name(number: i32) -> String {
    match DataType::try_from(number) {
        Ok(found) => found.as_str_name().to_lowercase(),
        Err(_) => format!("number {number}"),
    }
}

/// Number of elements; `None` on overflow of it or of the bytes that it means.
pub(crate) fn count(shape: &[usize], dtype: DType) -> Option<usize> {
    let elements = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d))?;
    elements.checked_mul(dtype.size()).filter(|&bytes| bytes <= isize::MAX as usize)?;
    Some(elements)
}

/// Reads a tensor; external data lie beside the model, in `folder`.
pub(crate) fn read(proto: &TensorProto, folder: &Path) -> Result<Literal, String> {
    let found = dtype(proto.data_type)
        .ok_or_else(|| format!("elements of type {} cannot be held", type_name(proto.data_type)))?;
    let shape = dims(&proto.dims)?;
    let elements = count(&shape, found).ok_or_else(|| format!("shape {shape:?} is too large"))?;
    if proto.segment.is_some() {
        return Err("tensors in segments are not supported".into());
    }
    let bytes = if proto.data_location == Some(DataLocation::External as i32) {
        external(proto, folder, elements * found.size())?
    } else if proto.raw_data.is_empty() {
        fields(proto, found)
    } else {
        proto.raw_data.as_slice().into()
    };
    if bytes.len() != elements * found.size() {
        return Err(format!("{} bytes of data for {shape:?} of {found}", bytes.len()));
    }
    let bytes = if found == DType::Bool { bytes.iter().map(|&b| u8::from(b != 0)).collect() } else { bytes };
    Ok(Literal { dtype: found, shape, value: Value(bytes) })
}

/// Reads a sparse tensor into a dense one.
pub(crate) fn read_sparse(proto: &SparseTensorProto, folder: &Path) -> Result<(String, Literal), String> {
    let (Some(values), Some(indices)) = (&proto.values, &proto.indices) else {
        return Err("a sparse tensor lacks values or indices".into());
    };
    let (name, values, indices) = (values.name.clone(), read(values, folder)?, read(indices, folder)?);
    let shape = dims(&proto.dims)?;
    let elements = count(&shape, values.dtype).ok_or_else(|| format!("shape {shape:?} is too large"))?;
    if indices.dtype != DType::I64 {
        return Err(format!("sparse indices are {}, not i64", indices.dtype));
    }
    let (size, flat) = (values.dtype.size(), indices.value.to_i64());
    let nonzeros = values.value.0.len() / size;
    let width = if indices.shape.len() == 2 { shape.len() } else { 1 };
    if flat.len() != nonzeros * width {
        return Err(format!("{} sparse indices for {nonzeros} values", flat.len()));
    }
    let mut bytes = vec![0; elements * size];
    for (i, index) in flat.chunks(width.max(1)).enumerate() {
        let at = if width == 1 { usize::try_from(index[0]).ok() } else { position(index, &shape) };
        let at = at.filter(|&at| at < elements).ok_or("a sparse index lies outside")?;
        bytes[at * size..][..size].copy_from_slice(&values.value.0[i * size..][..size]);
    }
    Ok((name, Literal { dtype: values.dtype, shape, value: Value(bytes.into()) }))
}

/// Row-major position of an index; `None` outside.
fn position(index: &[i64], shape: &[usize]) -> Option<usize> {
    index.iter().zip(shape).try_fold(0, |at, (&i, &d)| {
        let i = usize::try_from(i).ok().filter(|&i| i < d)?;
        Some(at * d + i)
    })
}

/// Writes a tensor.
pub(crate) fn write(name: &str, dtype: DType, shape: &[usize], value: &Value) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: number(dtype),
        dims: shape.iter().map(|&d| d as i64).collect(),
        raw_data: value.0.to_vec(),
        ..TensorProto::default()
    }
}

fn dims(dims: &[i64]) -> Result<Vec<usize>, String> {
    dims.iter().map(|&d| usize::try_from(d).map_err(|_| format!("dimension {d} is negative"))).collect()
}

/// Elements that lie in the field of their kind instead of in one block.
fn fields(proto: &TensorProto, dtype: DType) -> Arc<[u8]> {
    match dtype {
        DType::F32 => proto.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::F64 => proto.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::I64 => proto.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::U64 => proto.uint64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::U32 => proto.uint64_data.iter().flat_map(|&v| (v as u32).to_le_bytes()).collect(),
        _ => {
            let size = dtype.size();
            proto.int32_data.iter().flat_map(|v| v.to_le_bytes().into_iter().take(size)).collect()
        }
    }
}

/// Where external data lie: a file inside of `folder`.
pub(crate) fn external_path(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(format!("external data {location:?} would lie outside of the model's folder"));
    }
    let told = |error: std::io::Error| format!("external data {location:?}: {error}");
    let home = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let home = home.canonicalize().map_err(told)?;
    let path = home.join(relative).canonicalize().map_err(told)?;
    if path.starts_with(&home) {
        Ok(path)
    } else {
        Err(format!("external data {location:?} lies outside of the model's folder"))
    }
}

/// Reads data that lie in a file of their own, which must be inside `folder`.
fn external(proto: &TensorProto, folder: &Path, bytes: usize) -> Result<Arc<[u8]>, String> {
    let entry = |key: &str| proto.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let location = entry("location").ok_or("external data without a location")?;
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("external data: {key} is {text:?}")),
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    if length.is_some_and(|length| length != bytes as u64) {
        return Err(format!("external data: {} bytes where the shape needs {bytes}", length.unwrap_or(0)));
    }
    let path = external_path(folder, location)?;
    let told = |error: std::io::Error| format!("external data {location:?}: {error}");
    let mut file = File::open(&path).map_err(told)?;
    let available = file.metadata().map_err(told)?.len();
    if offset.checked_add(bytes as u64).is_none_or(|end| end > available) {
        return Err(format!("external data {location:?} has {available} bytes; {bytes} from {offset} are needed"));
    }
    let mut data = vec![0; bytes];
    file.seek(SeekFrom::Start(offset)).map_err(told)?;
    file.read_exact(&mut data).map_err(told)?;
    Ok(data.into())
}
