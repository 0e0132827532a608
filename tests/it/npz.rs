//! numpy's archives.

use std::io::Read;
use std::path::Path;

use coulter_plan::DType;
use npyz::npz::NpzArchive;

use crate::arrays::Array;

/// All arrays of numbers in an archive, by name.
pub fn read(path: &Path) -> Vec<(String, Array)> {
    let mut archive = NpzArchive::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let arrays = names.into_iter().filter_map(|name| {
        let (descriptor, shape, bytes) = raw(&mut archive, &name);
        Some((name, Array { dtype: dtype(&descriptor)?, shape, bytes }))
    });
    arrays.collect()
}

/// The array of text with this name.
pub fn read_text(path: &Path, name: &str) -> Vec<String> {
    let mut archive = NpzArchive::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (descriptor, shape, bytes) = raw(&mut archive, name);
    assert!(descriptor.starts_with("<U"), "{name} is {descriptor}, not text");
    let width = bytes.len() / shape.iter().product::<usize>().max(1);
    let point = |c: &[u8]| char::from_u32(u32::from_le_bytes([c[0], c[1], c[2], c[3]])).filter(|&c| c != '\0');
    bytes.chunks_exact(width).map(|text| text.chunks_exact(4).filter_map(point).collect()).collect()
}

/// The array with this name.
pub fn named<'a>(arrays: &'a [(String, Array)], name: &str) -> &'a Array {
    let found = arrays.iter().find(|(n, _)| n == name);
    &found.unwrap_or_else(|| panic!("no array {name} in {:?}", arrays.iter().map(|(n, _)| n).collect::<Vec<_>>())).1
}

fn raw(archive: &mut NpzArchive<std::io::BufReader<std::fs::File>>, name: &str) -> (String, Vec<usize>, Vec<u8>) {
    let array = archive.by_name(name).expect("a readable archive").expect("a name in the archive");
    assert_eq!(array.order(), npyz::Order::C, "{name} is not row-major");
    let shape = array.shape().iter().map(|&d| d as usize).collect();
    let descriptor = array.dtype().descr().trim_matches('\'').to_owned();
    let mut bytes = Vec::new();
    array.into_inner().read_to_end(&mut bytes).expect("a whole array");
    (descriptor, shape, bytes)
}

fn dtype(descriptor: &str) -> Option<DType> {
    Some(match descriptor {
        "<f2" => DType::F16,
        "<f4" => DType::F32,
        "<f8" => DType::F64,
        "|i1" => DType::I8,
        "|u1" => DType::U8,
        "<i2" => DType::I16,
        "<i4" => DType::I32,
        "<u4" => DType::U32,
        "<i8" => DType::I64,
        "|b1" => DType::Bool,
        _ => return None,
    })
}
