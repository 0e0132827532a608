//! Single ONNX nodes, compiled and run, against their formulas in f64.

mod attention;
mod norms;
mod recurrent;
mod sums;

use coulter_exec::{AlignedBytes, Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::{DType, Plan};
use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto,
};

use crate::front::tensors;
use crate::graph::Value;
use crate::{CompileError, CompileOptions};

/// A model of one node in the making; operands are named by their place.
#[derive(Default)]
struct OneNode {
    op: String,
    domain: String,
    opset: i64,
    operands: Vec<String>,
    attributes: Vec<AttributeProto>,
    graph: GraphProto,
    given: Vec<Vec<u8>>,
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn port(name: &str, dtype: DType, dims: Option<&[usize]>) -> ValueInfoProto {
    let dim = |&d: &usize| Dimension { value: Some(dimension::Value::DimValue(d as i64)), ..Dimension::default() };
    let shape = dims.map(|dims| TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let value = Some(TypeValue::TensorType(TensorType { elem_type: tensors::number(dtype), shape }));
    let r#type = Some(TypeProto { value, ..TypeProto::default() });
    ValueInfoProto { name: name.into(), r#type, ..ValueInfoProto::default() }
}

impl OneNode {
    fn new(op: &str, opset: i64) -> Self {
        Self { op: op.into(), opset, ..Self::default() }
    }

    fn of_microsoft(op: &str) -> Self {
        Self { domain: "com.microsoft".into(), ..Self::new(op, 17) }
    }

    fn attribute(mut self, name: &str, r#type: AttributeType, set: impl FnOnce(&mut AttributeProto)) -> Self {
        let mut attribute = AttributeProto { name: name.into(), r#type: r#type as i32, ..AttributeProto::default() };
        set(&mut attribute);
        self.attributes.push(attribute);
        self
    }

    fn int(self, name: &str, value: i64) -> Self {
        self.attribute(name, AttributeType::Int, |a| a.i = value)
    }

    fn float(self, name: &str, value: f32) -> Self {
        self.attribute(name, AttributeType::Float, |a| a.f = value)
    }

    fn floats(self, name: &str, values: &[f32]) -> Self {
        self.attribute(name, AttributeType::Floats, |a| a.floats = values.to_vec())
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.attribute(name, AttributeType::String, |a| a.s = value.into())
    }

    fn texts(self, name: &str, values: &[&str]) -> Self {
        self.attribute(name, AttributeType::Strings, |a| a.strings = values.iter().map(|&v| v.into()).collect())
    }

    fn next_name(&mut self) -> String {
        let name = format!("operand {}", self.operands.len());
        self.operands.push(name.clone());
        name
    }

    /// The next operand is left out.
    fn nothing(mut self) -> Self {
        self.operands.push(String::new());
        self
    }

    /// The next operand is a graph input with these bytes.
    fn computed_of(mut self, dtype: DType, dims: &[usize], bytes: Vec<u8>) -> Self {
        let name = self.next_name();
        self.graph.input.push(port(&name, dtype, Some(dims)));
        self.given.push(bytes);
        self
    }

    /// The next operand is a graph input of f32.
    fn computed(self, dims: &[usize], values: &[f32]) -> Self {
        self.computed_of(DType::F32, dims, bytes(values))
    }

    /// The next operand is a constant with these bytes.
    fn constant_of(mut self, dtype: DType, dims: &[usize], bytes: Vec<u8>) -> Self {
        let name = self.next_name();
        self.graph.initializer.push(tensors::write(&name, dtype, dims, &Value(bytes.into())));
        self
    }

    /// The next operand is a constant of f32.
    fn constant(self, dims: &[usize], values: &[f32]) -> Self {
        self.constant_of(DType::F32, dims, bytes(values))
    }

    fn model(&self, outputs: &[&str]) -> ModelProto {
        let mut graph = self.graph.clone();
        let named = outputs.iter().filter(|name| !name.is_empty());
        graph.output = named.map(|name| port(name, DType::F32, None)).collect();
        graph.node = vec![NodeProto {
            op_type: self.op.clone(),
            domain: self.domain.clone(),
            input: self.operands.clone(),
            output: outputs.iter().map(|&name| name.into()).collect(),
            attribute: self.attributes.clone(),
            ..NodeProto::default()
        }];
        let opset = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        let opset_import = vec![opset("", self.opset), opset("com.microsoft", 1)];
        ModelProto { ir_version: 10, opset_import, graph: Some(graph), ..ModelProto::default() }
    }

    /// The plan of a model whose node has these outputs, "" for one that is not wanted, without fallback.
    fn compile(&self, outputs: &[&str]) -> Result<AlignedBytes, CompileError> {
        let folder = tempfile::tempdir().expect("a folder for the model");
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, self.model(outputs).encode_to_vec()).expect("the model can be written");
        let options = CompileOptions { forbid_fallback: true, ..CompileOptions::default() };
        crate::compile(&path, &options, &mut |_, _| ()).map(|compiled| AlignedBytes::copy_of(&compiled.plan))
    }

    /// The bytes of the wanted outputs.
    fn run_bytes(&self, outputs: &[&str]) -> Vec<Vec<u8>> {
        let file = self.compile(outputs).expect("the model compiles");
        let plan = Plan::parse(&file).expect("a sound plan");
        let options = SessionOptions { isas: IsaSet::detect(), ..SessionOptions::default() };
        let mut session = Session::new(plan, options).expect("the plan binds");
        for (i, port) in plan.inputs().enumerate() {
            let at = self.graph.input.iter().position(|input| input.name == port.name).expect("an input of the model");
            session.input_mut(i).copy_from_slice(&self.given[at]);
        }
        session.run().expect("the plan runs");
        (0..plan.output_count()).map(|i| session.output(i).to_vec()).collect()
    }

    /// The values of the wanted outputs, f32.
    fn run(&self, outputs: &[&str]) -> Vec<Vec<f32>> {
        self.run_bytes(outputs).into_iter().map(|bytes| Value(bytes.into()).to_f32()).collect()
    }
}

#[track_caller]
fn assert_near(given: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(given.len(), expected.len(), "{what}");
    for (i, (&y, &e)) in given.iter().zip(expected).enumerate() {
        let near = (f64::from(y) - e).abs() <= tolerance * (1.0 + e.abs());
        assert!(near || y.is_nan() && e.is_nan(), "{what}: {y} instead of {e} at {i}");
    }
}
