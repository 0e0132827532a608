//! The model file: decoded, its operator sets checked, its symbolic dimensions bound.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use coulter_plan::DType;
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, OperatorSetIdProto, ValueInfoProto, type_proto,
};

use super::tensors;
use crate::{CompileError, Problem};

/// Newest version of ONNX's own operator set whose operators mean what is implemented here.
pub(crate) const NEWEST_OPSET: i64 = 25;

/// Versions of the operator sets by domain, ONNX's own being "".
pub(crate) type Opsets = BTreeMap<String, i64>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Model {
    /// The graph.
    pub graph: GraphProto,
    /// Functions that nodes may call.
    pub functions: Vec<Function>,
    /// What the nodes of the graph are to be read by.
    pub opsets: Opsets,
    /// Where external data are.
    pub folder: PathBuf,
}

/// A function that nodes may call.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// As it stands in the file.
    pub proto: FunctionProto,
    /// Attributes with the values that they have when a call does not give them.
    pub defaults: Vec<AttributeProto>,
}

/// What tract's types leave out of a model.
#[derive(Clone, PartialEq, Message)]
struct Rest {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<RestOfFunction>,
}

/// What tract's types leave out of a function.
#[derive(Clone, PartialEq, Message)]
struct RestOfFunction {
    #[prost(message, repeated, tag = "11")]
    defaults: Vec<AttributeProto>,
}

/// A graph input that takes data at run time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Port {
    /// Name.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dimensions, all bound.
    pub shape: Vec<usize>,
}

/// A domain as it is looked up: "ai.onnx" is ONNX's own, like "".
pub(crate) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// Operator sets as a map.
pub(crate) fn opsets(imports: &[OperatorSetIdProto]) -> Opsets {
    imports.iter().map(|import| (domain(&import.domain).to_owned(), import.version)).collect()
}

impl Model {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, CompileError> {
        let bytes = std::fs::read(path).map_err(|source| CompileError::Read { path: path.to_owned(), source })?;
        Self::decode(&bytes, path)
    }

    /// Decodes what was read from `path`.
    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Self, CompileError> {
        let refuse = |reason: String| CompileError::NotOnnx { path: path.to_owned(), reason };
        let proto = ModelProto::decode(bytes).map_err(|e| refuse(e.to_string()))?;
        let graph = proto.graph.ok_or_else(|| refuse("it holds no graph".into()))?;
        let mut opsets = opsets(&proto.opset_import);
        if opsets.is_empty() {
            // Before version 3 of the format there were no operator sets but the first.
            if proto.ir_version >= 3 {
                return Err(refuse("it names no operator set".into()));
            }
            opsets.insert(String::new(), 1);
        }
        let newest = opsets.get("").copied().unwrap_or(1);
        if !(1..=NEWEST_OPSET).contains(&newest) {
            let cure = "convert the model with onnx.version_converter";
            return Err(refuse(format!("its operator set {newest} is not one of 1 to {NEWEST_OPSET}: {cure}")));
        }
        let functions = functions(proto.functions, bytes).map_err(refuse)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { graph, functions, opsets, folder })
    }

    /// Graph inputs that are not initializers, with the dimensions that `given` binds; and those that a plan cannot
    /// take.
    pub(crate) fn ports(&self, given: &[(String, usize)]) -> Result<(Vec<Port>, Vec<Problem>), CompileError> {
        let constants: BTreeSet<&str> = self.constants().collect();
        let inputs: Vec<_> = self.graph.input.iter().filter(|i| !constants.contains(i.name.as_str())).collect();
        self.refuse_unknown_dims(&inputs, given)?;
        let (mut ports, mut problems) = (Vec::new(), Vec::new());
        for input in inputs {
            match self.port(input, given)? {
                Ok(port) => ports.push(port),
                Err(reason) => problems.push(self.input_problem(input, reason)),
            }
        }
        Ok((ports, problems))
    }

    /// Names of the graph inputs that take data at run time.
    pub(crate) fn input_names(&self) -> Vec<String> {
        let constants: BTreeSet<&str> = self.constants().collect();
        let names = self.graph.input.iter().map(|i| i.name.clone());
        names.filter(|name| !constants.contains(name.as_str())).collect()
    }

    fn constants(&self) -> impl Iterator<Item = &str> {
        let sparse = self.graph.sparse_initializer.iter().filter_map(|s| s.values.as_ref());
        self.graph.initializer.iter().chain(sparse).map(|t| t.name.as_str())
    }

    fn port(&self, input: &ValueInfoProto, given: &[(String, usize)]) -> Result<Result<Port, String>, CompileError> {
        let Some(tensor) = tensor_type(input) else { return Ok(Err("it is not a tensor".into())) };
        let Some(shape) = &tensor.shape else { return Ok(Err("its rank is not known".into())) };
        let mut dims = Vec::new();
        for (axis, dim) in shape.dim.iter().enumerate() {
            let found = match fixed(dim) {
                Some(n) => n,
                None => {
                    let name = symbol(&input.name, axis, dim);
                    let value = given.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
                    value.ok_or_else(|| CompileError::UnboundDim { input: input.name.clone(), dim: name })?
                }
            };
            dims.push(found);
        }
        let Some(dtype) = tensors::dtype(tensor.elem_type) else {
            return Ok(Err(format!("its elements are {}", tensors::type_name(tensor.elem_type))));
        };
        Ok(match tensors::count(&dims, dtype) {
            Some(_) => Ok(Port { name: input.name.clone(), dtype, shape: dims }),
            None => Err(format!("its shape {dims:?} is too large")),
        })
    }

    fn input_problem(&self, input: &ValueInfoProto, reason: String) -> Problem {
        Problem {
            onnx_node: input.name.clone(),
            op: "graph input".into(),
            opset: self.opsets.get("").copied().unwrap_or(0),
            reason: format!("a plan's input is a tensor of numbers of known rank; {reason}"),
            cure: "export the model without it, or with another type".into(),
        }
    }

    fn refuse_unknown_dims(&self, inputs: &[&ValueInfoProto], given: &[(String, usize)]) -> Result<(), CompileError> {
        let known: BTreeSet<String> = inputs.iter().flat_map(|input| symbols(input)).collect();
        let elsewhere = self.graph.output.iter().chain(&self.graph.value_info).flat_map(symbols);
        let elsewhere: BTreeSet<String> = elsewhere.collect();
        match given.iter().find(|(name, _)| !known.contains(name) && !elsewhere.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(CompileError::UnknownDim { dim: name.clone(), known: known.into_iter().collect() }),
        }
    }

    /// Types and shapes that the model declares for values inside of it, where they are whole.
    pub(crate) fn declared(&self, given: &[(String, usize)]) -> HashMap<String, (DType, Vec<usize>)> {
        let mut declared = HashMap::new();
        for value in self.graph.value_info.iter().chain(&self.graph.output) {
            let Some(tensor) = tensor_type(value) else { continue };
            let (Some(dtype), Some(shape)) = (tensors::dtype(tensor.elem_type), &tensor.shape) else { continue };
            let bound = |(axis, dim): (usize, &Dimension)| {
                let name = symbol(&value.name, axis, dim);
                fixed(dim).or_else(|| given.iter().find(|(n, _)| *n == name).map(|(_, value)| *value))
            };
            let dims: Option<Vec<usize>> = shape.dim.iter().enumerate().map(bound).collect();
            if let Some(dims) = dims.filter(|dims| tensors::count(dims, dtype).is_some()) {
                declared.insert(value.name.clone(), (dtype, dims));
            }
        }
        declared
    }
}

/// Functions with what tract's types leave out of them.
fn functions(protos: Vec<FunctionProto>, model: &[u8]) -> Result<Vec<Function>, String> {
    if protos.is_empty() {
        return Ok(Vec::new());
    }
    let key = |f: &FunctionProto| (domain(f.domain()).to_owned(), f.name().to_owned());
    let mut names = BTreeSet::new();
    if let Some(twice) = protos.iter().find(|f| !names.insert(key(f))) {
        return Err(format!("it defines the function {} more than once", twice.name()));
    }
    let rest = Rest::decode(model).map_err(|e| e.to_string())?.functions;
    Ok(protos.into_iter().zip(rest).map(|(proto, rest)| Function { proto, defaults: rest.defaults }).collect())
}

fn tensor_type(value: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    match value.r#type.as_ref()?.value.as_ref()? {
        Value::TensorType(tensor) => Some(tensor),
    }
}

fn fixed(dim: &Dimension) -> Option<usize> {
    match dim.value {
        Some(dimension::Value::DimValue(n)) => usize::try_from(n).ok(),
        _ => None,
    }
}

/// Name of a dimension that has no fixed size: its own, or one made of the value and the axis.
fn symbol(value: &str, axis: usize, dim: &Dimension) -> String {
    match &dim.value {
        Some(dimension::Value::DimParam(name)) if !name.is_empty() => name.clone(),
        _ => format!("{value}.{axis}"),
    }
}

/// Names of the dimensions of a value that have no fixed size.
fn symbols(value: &ValueInfoProto) -> Vec<String> {
    let dims = tensor_type(value).and_then(|t| t.shape.as_ref()).map(|s| s.dim.as_slice()).unwrap_or_default();
    let open = dims.iter().enumerate().filter(|(_, dim)| fixed(dim).is_none());
    open.map(|(axis, dim)| symbol(&value.name, axis, dim)).collect()
}
