//! Single ONNX nodes, compiled and run, against their formulas in f64.

mod attention;
mod dynamic;
mod norms;
mod quantized;
mod recurrent;
mod sums;

use coulter_exec::{AlignedBytes, Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::{DType, Plan};
use tract_onnx::pb::{AttributeProto, NodeProto, OperatorSetIdProto};

use crate::front::tensors;
use crate::front::tests::draft::{self, Draft};
use crate::graph::Value;
use crate::{CompileError, CompileOptions};

/// A model of one node in the making; operands are named by their place.
struct OneNode {
    op: String,
    domain: String,
    draft: Draft,
    operands: Vec<String>,
    attributes: Vec<AttributeProto>,
    /// Names and bytes of the graph inputs.
    given: Vec<(String, Vec<u8>)>,
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

impl OneNode {
    fn new(op: &str, opset: i64) -> Self {
        let (op, domain, draft) = (op.into(), String::new(), Draft::new(opset));
        Self { op, domain, draft, operands: Vec::new(), attributes: Vec::new(), given: Vec::new() }
    }

    fn of_microsoft(op: &str) -> Self {
        let mut node = Self { domain: "com.microsoft".into(), ..Self::new(op, 17) };
        let set = OperatorSetIdProto { domain: node.domain.clone(), version: 1 };
        node.draft.0.opset_import.push(set);
        node
    }

    fn attribute(mut self, attribute: AttributeProto) -> Self {
        self.attributes.push(attribute);
        self
    }

    fn int(self, name: &str, value: i64) -> Self {
        self.attribute(draft::int(name, value))
    }

    fn float(self, name: &str, value: f32) -> Self {
        self.attribute(draft::float(name, value))
    }

    fn floats(self, name: &str, values: &[f32]) -> Self {
        self.attribute(draft::floats(name, values))
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.attribute(draft::text(name, value))
    }

    fn texts(self, name: &str, values: &[&str]) -> Self {
        self.attribute(draft::texts(name, values))
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
        let shape: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        self.draft = self.draft.input(&name, dtype, &shape);
        self.given.push((name, bytes));
        self
    }

    /// The next operand is a graph input of f32.
    fn computed(self, dims: &[usize], values: &[f32]) -> Self {
        self.computed_of(DType::F32, dims, bytes(values))
    }

    /// The next operand is a constant with these bytes.
    fn constant_of(mut self, dtype: DType, dims: &[usize], bytes: Vec<u8>) -> Self {
        let name = self.next_name();
        self.draft = self.draft.constant(tensors::write(&name, dtype, dims, &Value(bytes.into())));
        self
    }

    /// The next operand is a constant of f32.
    fn constant(self, dims: &[usize], values: &[f32]) -> Self {
        self.constant_of(DType::F32, dims, bytes(values))
    }

    /// The file of a model whose node has these outputs.
    fn model(&self, outputs: &[&str]) -> Vec<u8> {
        let operands: Vec<&str> = self.operands.iter().map(String::as_str).collect();
        let node = draft::node(&self.op, &operands, outputs, &self.attributes);
        let model = self.draft.clone().add(NodeProto { domain: self.domain.clone(), ..node });
        outputs.iter().filter(|name| !name.is_empty()).fold(model, |model, name| model.output(name)).bytes()
    }

    /// The plan of a model whose node has these outputs, "" for one that is not wanted, without fallback.
    fn compile(&self, outputs: &[&str]) -> Result<AlignedBytes, CompileError> {
        let folder = tempfile::tempdir().expect("a folder for the model");
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, self.model(outputs)).expect("the model can be written");
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
            let (_, bytes) = self.given.iter().find(|(name, _)| name == port.name).expect("an input of the model");
            session.input_mut(i).copy_from_slice(bytes);
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
