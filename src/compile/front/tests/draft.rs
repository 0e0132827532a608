//! Models made by hand.

use std::path::Path;

use coulter_plan::DType;
use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor, Value as TypeValue};
use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
};

use crate::front::model::Model;
use crate::front::{importer, prune, tensors};
use crate::graph::{Graph, Value};
use crate::tests::interpreter::{self, Array};
use crate::{CompileError, CompileOptions, Problem};

/// A model in the making.
#[derive(Clone)]
pub(in crate::front) struct Draft(pub ModelProto);

/// A dimension of a value.
#[derive(Clone, Copy)]
pub(in crate::front) enum Dim {
    Of(i64),
    Named(&'static str),
    Open,
}

impl Draft {
    /// An empty model.
    pub fn new(opset: i64) -> Self {
        let set = OperatorSetIdProto { domain: String::new(), version: opset };
        let graph = Some(GraphProto { name: "made by hand".into(), ..GraphProto::default() });
        Self(ModelProto { ir_version: 8, opset_import: vec![set], graph, ..ModelProto::default() })
    }

    pub fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.get_or_insert_with(GraphProto::default)
    }

    pub fn input_of(mut self, name: &str, number: i32, dims: &[Dim]) -> Self {
        self.graph().input.push(value(name, number, dims));
        self
    }

    pub fn input(self, name: &str, dtype: DType, shape: &[i64]) -> Self {
        let dims: Vec<Dim> = shape.iter().map(|&d| Dim::Of(d)).collect();
        self.input_of(name, tensors::number(dtype), &dims)
    }

    pub fn constant(mut self, tensor: TensorProto) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    pub fn floats(self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        self.constant(tensors::write(name, DType::F32, shape, &Value::from_f32(values)))
    }

    pub fn ints(self, name: &str, values: &[i64]) -> Self {
        self.constant(tensors::write(name, DType::I64, &[values.len()], &Value::from_i64(values)))
    }

    pub fn node(self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[AttributeProto]) -> Self {
        self.add(node(op, inputs, outputs, attributes))
    }

    pub fn add(mut self, node: NodeProto) -> Self {
        self.graph().node.push(node);
        self
    }

    pub fn function(mut self, function: FunctionProto) -> Self {
        self.0.functions.push(function);
        self
    }

    pub fn output(mut self, name: &str) -> Self {
        self.graph().output.push(ValueInfoProto { name: name.into(), ..Default::default() });
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    pub fn read(&self) -> Result<Model, CompileError> {
        Model::decode(&self.bytes(), Path::new("made by hand"))
    }

    /// Imports with these options.
    pub fn import_with(&self, options: &CompileOptions) -> Result<Graph, CompileError> {
        let (mut graph, problems) = importer::import(&self.read()?, options)?;
        if !problems.is_empty() {
            return Err(CompileError::Problems(problems));
        }
        prune::unused(&mut graph);
        Ok(graph)
    }

    pub fn import(&self) -> Graph {
        self.import_with(&CompileOptions::default()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The problems, of which there must be some.
    pub fn problems(&self, options: &CompileOptions) -> Vec<Problem> {
        match self.import_with(options) {
            Err(CompileError::Problems(problems)) => problems,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it has problems"),
        }
    }

    /// Imports, and runs the graph.
    pub fn run(&self, inputs: &[Array]) -> Vec<Array> {
        interpreter::run(&self.import(), inputs)
    }
}

pub(in crate::front) fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: &[AttributeProto]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    NodeProto {
        op_type: op.into(),
        input: owned(inputs),
        output: owned(outputs),
        attribute: attributes.to_vec(),
        ..NodeProto::default()
    }
}

pub(in crate::front) fn value(name: &str, number: i32, dims: &[Dim]) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        value: match dim {
            Dim::Of(n) => Some(dimension::Value::DimValue(*n)),
            Dim::Named(name) => Some(dimension::Value::DimParam(name.to_string())),
            Dim::Open => None,
        },
        ..Dimension::default()
    };
    let tensor = Tensor { elem_type: number, shape: Some(TensorShapeProto { dim: dims.iter().map(dim).collect() }) };
    let r#type = Some(TypeProto { value: Some(TypeValue::TensorType(tensor)), ..TypeProto::default() });
    ValueInfoProto { name: name.into(), r#type, ..ValueInfoProto::default() }
}

fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: r#type as i32, ..AttributeProto::default() }
}

pub(in crate::front) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

pub(in crate::front) fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

pub(in crate::front) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, ..attribute(name, AttributeType::Float) }
}

pub(in crate::front) fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto { s: s.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}

pub(in crate::front) fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto { floats: floats.to_vec(), ..attribute(name, AttributeType::Floats) }
}

pub(in crate::front) fn texts(name: &str, texts: &[&str]) -> AttributeProto {
    let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    AttributeProto { strings, ..attribute(name, AttributeType::Strings) }
}

pub(in crate::front) fn graph(name: &str, g: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(g), ..attribute(name, AttributeType::Graph) }
}

/// An attribute of a node in a function that takes the value of the function's.
pub(in crate::front) fn reference(name: &str, of: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { ref_attr_name: of.into(), ..attribute(name, r#type) }
}

/// f32 values to feed and to compare.
pub(in crate::front) fn array(shape: &[usize], values: &[f64]) -> Array {
    Array::new(DType::F32, shape, values.to_vec())
}

/// Numbers from 0 on.
pub(in crate::front) fn counted(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    array(shape, &(0..count).map(|i| i as f64).collect::<Vec<_>>())
}
