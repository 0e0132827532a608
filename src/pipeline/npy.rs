//! numpy's files.

use std::io::{Read, Seek, Write};
use std::path::Path;

use coulter_plan::DType;
use npyz::{DType as NpyType, NpyFile, TypeChar, WriterBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::{Array, PipelineError};

/// Reads one `.npy`.
pub(crate) fn read_npy(path: &Path, reader: impl Read) -> Result<Array, PipelineError> {
    let file = NpyFile::new(reader).map_err(|e| not_numpy(path, &e.to_string()))?;
    array(file).map_err(|reason| not_numpy(path, &reason))
}

/// Reads every array of an `.npz`, in the archive's order.
pub(crate) fn read_npz(path: &Path, reader: impl Read + Seek) -> Result<Vec<(String, Array)>, PipelineError> {
    let mut archive = ZipArchive::new(reader).map_err(|e| not_numpy(path, &e.to_string()))?;
    let mut arrays = Vec::with_capacity(archive.len());
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|e| not_numpy(path, &e.to_string()))?;
        let Some(name) = entry.name().strip_suffix(".npy").map(str::to_owned) else { continue };
        arrays.push((name, read_npy(path, entry)?));
    }
    Ok(arrays)
}

fn not_numpy(path: &Path, reason: &str) -> PipelineError {
    PipelineError::Format { path: path.to_owned(), wanted: "a numpy file", reason: reason.to_owned() }
}

fn array<R: Read>(file: NpyFile<R>) -> Result<Array, String> {
    let shape = file.shape().iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|e| e.to_string())?;
    let NpyType::Plain(kind) = file.dtype() else { return Err("records are not taken".into()) };
    let fortran = file.order() == npyz::Order::Fortran && shape.len() > 1;
    if fortran {
        return Err("the array is in Fortran order: save numpy.ascontiguousarray of it".into());
    }
    let size = kind.num_bytes().ok_or("an element type without a size")?;
    macro_rules! elements {
        ($dtype:expr, $t:ty) => {
            (
                $dtype,
                file.into_vec::<$t>().map_err(|e| e.to_string())?.into_iter().flat_map(<$t>::to_le_bytes).collect(),
            )
        };
    }
    let (dtype, bytes): (DType, Vec<u8>) = match (kind.type_char(), size) {
        (TypeChar::Float, 4) => elements!(DType::F32, f32),
        (TypeChar::Float, 8) => elements!(DType::F64, f64),
        (TypeChar::Float, 2) => elements!(DType::F16, half::f16),
        (TypeChar::Int, 1) => elements!(DType::I8, i8),
        (TypeChar::Int, 2) => elements!(DType::I16, i16),
        (TypeChar::Int, 4) => elements!(DType::I32, i32),
        (TypeChar::Int, 8) => elements!(DType::I64, i64),
        (TypeChar::Uint, 1) => elements!(DType::U8, u8),
        (TypeChar::Uint, 2) => elements!(DType::U16, u16),
        (TypeChar::Uint, 4) => elements!(DType::U32, u32),
        (TypeChar::Uint, 8) => elements!(DType::U64, u64),
        (TypeChar::Bool, _) => {
            let values = file.into_vec::<bool>().map_err(|e| e.to_string())?;
            (DType::Bool, values.into_iter().map(u8::from).collect())
        }
        _ => return Err(format!("elements of type {kind} are not taken")),
    };
    Ok(Array { dtype, shape, bytes })
}

/// Writes arrays to an `.npz`; bfloat16 becomes f32, which numpy knows.
///
/// # Errors
/// When the file cannot be written.
pub fn write_npz(path: &Path, arrays: &[(String, Array)]) -> Result<(), PipelineError> {
    let failed = |e: std::io::Error| PipelineError::Write { path: path.to_owned(), reason: e.to_string() };
    let mut archive = ZipWriter::new(std::fs::File::create(path).map_err(failed)?);
    // As numpy does: not compressed, and prepared for more than 4 GiB.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(|e| failed(e.into()))?;
        write_array(&mut archive, array).map_err(failed)?;
    }
    archive.finish().map(drop).map_err(|e| failed(e.into()))
}

fn write_array(file: &mut impl Write, array: &Array) -> std::io::Result<()> {
    let shape: Vec<u64> = array.shape.iter().map(|&d| d as u64).collect();
    macro_rules! elements {
        ($t:ty) => {{
            let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
            for chunk in array.bytes.as_chunks::<{ size_of::<$t>() }>().0 {
                writer.push(&<$t>::from_le_bytes(*chunk))?;
            }
            writer.finish()
        }};
    }
    match array.dtype {
        DType::F32 => elements!(f32),
        DType::F64 => elements!(f64),
        DType::F16 => elements!(half::f16),
        DType::I8 => elements!(i8),
        DType::U8 => elements!(u8),
        DType::I16 => elements!(i16),
        DType::U16 => elements!(u16),
        DType::I32 => elements!(i32),
        DType::U32 => elements!(u32),
        DType::I64 => elements!(i64),
        DType::U64 => elements!(u64),
        DType::BF16 => match array.convert(DType::F32) {
            Some(wide) => write_array(file, &wide),
            None => Err(std::io::Error::other("bfloat16 does not convert")),
        },
        DType::Bool => {
            let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
            for byte in &array.bytes {
                writer.push(&(*byte != 0))?;
            }
            writer.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("x.npz");
        let arrays: Vec<(String, Array)> = DType::ALL
            .iter()
            .filter(|d| **d != DType::BF16)
            .map(|&dtype| {
                let bytes = (0..6 * dtype.size()).map(|i| if dtype == DType::Bool { 1 } else { i as u8 });
                (dtype.name().to_owned(), Array { dtype, shape: vec![2, 3], bytes: bytes.collect() })
            })
            .collect();
        write_npz(&path, &arrays).expect("it is written");
        let file = std::fs::File::open(&path).expect("it is there");
        let mut read = read_npz(&path, file).expect("it is read");
        read.sort_by(|a, b| a.0.cmp(&b.0));
        let mut arrays = arrays;
        arrays.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(read, arrays);
    }

    #[test]
    fn garbage_is_refused() {
        assert!(read_npy(Path::new("x.npy"), &b"\x93NUMPY\x01\x00\xff\xff"[..]).is_err());
        assert!(read_npz(Path::new("x.npz"), std::io::Cursor::new(b"PK\x03\x04 no archive")).is_err());
    }
}
