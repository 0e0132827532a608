//! A case on disk: a model, its inputs and the outputs it must give.

use std::fs::File;
use std::path::{Path, PathBuf};

use coulter_plan::DType;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, TensorProto, ValueInfoProto, tensor_shape_proto::dimension};
use tract_onnx::prelude::Framework;

use crate::arrays::{Array, Values};

/// A tensor of a case: text has no place in [`Array`].
#[derive(Clone, Debug)]
pub enum Item {
    Array(Array),
    Text(Vec<usize>, Vec<String>),
}

impl Item {
    pub fn shape(&self) -> &[usize] {
        match self {
            Item::Array(array) => &array.shape,
            Item::Text(shape, _) => shape,
        }
    }

    pub fn values(&self) -> Values {
        match self {
            Item::Array(array) => array.values(),
            Item::Text(_, text) => Values::Text(text.clone()),
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Case {
    pub model: PathBuf,
    /// Operator that it is about.
    pub operator: String,
    pub inputs: Vec<(String, Item)>,
    pub outputs: Vec<(String, Item)>,
    /// Symbolic dimensions and their values in the inputs.
    pub dims: Vec<(String, usize)>,
}

/// All cases, in order.
pub fn list(suite: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(suite).expect("the suite can be listed");
    let mut folders: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

/// The case's name.
pub fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Case {
    /// Reads a case.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let model = folder.join("model.onnx");
        let graph = graph_of(&model)?;
        let data = folder.join("test_data_set_0");
        let constants: Vec<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        let ports: Vec<&ValueInfoProto> =
            graph.input.iter().filter(|p| !constants.contains(&p.name.as_str())).collect();
        let inputs = items(&data, "input", &ports)?;
        let outputs = items(&data, "output", &graph.output.iter().collect::<Vec<_>>())?;
        let mut dims = Vec::new();
        for (port, (_, item)) in ports.iter().zip(&inputs) {
            dims.extend(symbols(port).into_iter().zip(item.shape()).filter_map(|(name, &d)| Some((name?, d))));
        }
        dims.sort();
        dims.dedup();
        Ok(Self { operator: operator_of(folder, &graph), model, inputs, outputs, dims })
    }
}

fn graph_of(model: &Path) -> Result<GraphProto, String> {
    let proto = tract_onnx::onnx().proto_model_for_path(model).map_err(|e| format!("{e:#}"))?;
    proto.graph.ok_or_else(|| "no graph".into())
}

/// The operator of a graph of one node. Graphs that spell an operator out in simpler ones count under its name.
fn operator_of(folder: &Path, graph: &GraphProto) -> String {
    if let [node] = &graph.node[..] {
        return match node.domain.as_str() {
            "" => node.op_type.clone(),
            domain => format!("{domain}.{}", node.op_type),
        };
    }
    let name = name(folder);
    let base = name.split_once("_expanded").map(|(base, _)| folder.with_file_name(base).join("model.onnx"));
    match base.and_then(|b| graph_of(&b).ok()) {
        Some(spelled) if spelled.node.len() == 1 => spelled.node[0].op_type.clone(),
        _ => "several".into(),
    }
}

fn symbols(port: &ValueInfoProto) -> Vec<Option<String>> {
    let Some(Value::TensorType(tensor)) = port.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Vec::new();
    };
    let dims = tensor.shape.iter().flat_map(|s| &s.dim);
    dims.map(|d| match &d.value {
        Some(dimension::Value::DimParam(name)) => Some(name.clone()),
        _ => None,
    })
    .collect()
}

fn items(data: &Path, kind: &str, ports: &[&ValueInfoProto]) -> Result<Vec<(String, Item)>, String> {
    let mut items = Vec::new();
    for (i, port) in ports.iter().enumerate() {
        let Some(Value::TensorType(declared)) = port.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
            return Err(format!("{kind} {} is not a tensor", port.name));
        };
        let file = File::open(data.join(format!("{kind}_{i}.pb"))).map_err(|e| format!("{kind} {i}: {e}"))?;
        let proto = tract_onnx::tensor::proto_from_reader(file).map_err(|e| format!("{kind} {i}: {e:#}"))?;
        let mut item = item(proto)?;
        // numpy, which wrote the files, has no bfloat16.
        if let (Item::Array(array), Some(DType::BF16)) = (&mut item, dtype(declared.elem_type))
            && array.dtype == DType::U16
        {
            array.dtype = DType::BF16;
        }
        items.push((port.name.clone(), item));
    }
    Ok(items)
}

fn item(proto: TensorProto) -> Result<Item, String> {
    let shape: Vec<usize> = proto.dims.iter().map(|&d| d as usize).collect();
    if proto.data_type == 8 {
        let text = proto.string_data.into_iter().map(|s| String::from_utf8_lossy(&s).into_owned());
        return Ok(Item::Text(shape, text.collect()));
    }
    let dtype = dtype(proto.data_type).ok_or_else(|| format!("element type {}", proto.data_type))?;
    let bytes = if proto.raw_data.is_empty() { typed_bytes(&proto, dtype) } else { proto.raw_data };
    let array = Array { dtype, shape, bytes };
    if array.bytes.len() != array.len() * dtype.size() {
        return Err(format!("{} bytes for {:?} {:?}", array.bytes.len(), dtype, array.shape));
    }
    Ok(Item::Array(array))
}

/// By ONNX's number.
fn dtype(number: i32) -> Option<DType> {
    Some(match number {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        4 => DType::U16,
        5 => DType::I16,
        6 => DType::I32,
        7 => DType::I64,
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        12 => DType::U32,
        13 => DType::U64,
        16 => DType::BF16,
        _ => return None,
    })
}

/// Elements that lie in the field of their kind instead of in one block.
fn typed_bytes(proto: &TensorProto, dtype: DType) -> Vec<u8> {
    match dtype {
        DType::F32 => proto.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::F64 => proto.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::I64 => proto.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::U64 | DType::U32 => {
            proto.uint64_data.iter().flat_map(|v| v.to_le_bytes()[..dtype.size()].to_vec()).collect()
        }
        _ => proto.int32_data.iter().flat_map(|v| v.to_le_bytes()[..dtype.size()].to_vec()).collect(),
    }
}
