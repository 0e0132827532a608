//! ONNX models of one node.

use coulter_plan::DType;
use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// ONNX's number of a type.
pub fn onnx_type(dtype: DType) -> DataType {
    match dtype {
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
    }
}

fn port(name: String, elem_type: DataType, shape: Option<&[dimension::Value]>) -> ValueInfoProto {
    let dim = |value: &dimension::Value| Dimension { value: Some(value.clone()), ..Dimension::default() };
    let shape = shape.map(|shape| TensorShapeProto { dim: shape.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: elem_type as i32, shape };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name, r#type: Some(r#type), ..ValueInfoProto::default() }
}

/// A node of these operands, whose inputs `x0`, `x1`, … are the graph's.
pub fn of_node(op: &str, inputs: &[(DataType, &[dimension::Value])]) -> Vec<u8> {
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
    let ports = names.iter().zip(inputs).map(|(name, (dtype, shape))| port(name.clone(), *dtype, Some(shape)));
    let graph = GraphProto {
        input: ports.collect(),
        output: vec![port("y".into(), inputs[0].0, None)],
        node: vec![NodeProto {
            op_type: op.into(),
            input: names.clone(),
            output: vec!["y".into()],
            ..NodeProto::default()
        }],
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { version: 17, ..OperatorSetIdProto::default() }];
    let model = ModelProto { graph: Some(graph), opset_import, ir_version: 8, ..ModelProto::default() };
    model.encode_to_vec()
}

/// A node whose inputs have these types and shapes.
pub fn model(op: &str, inputs: &[(DType, &[usize])]) -> Vec<u8> {
    let shapes: Vec<Vec<dimension::Value>> =
        inputs.iter().map(|(_, s)| s.iter().map(|&d| dimension::Value::DimValue(d as i64)).collect()).collect();
    let ports: Vec<_> = inputs.iter().zip(&shapes).map(|((d, _), s)| (onnx_type(*d), &s[..])).collect();
    of_node(op, &ports)
}
