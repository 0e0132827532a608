//! Makes graphs, compiles and runs them.

use coulter_exec::{AlignedBytes, Session, SessionOptions};
use coulter_plan::{DType, Plan};
use coulter_testkit::rng::Rng;

use super::interpreter::{self, Array};
use crate::graph::{Graph, Node, Op, TensorId, Value};
use crate::{CompileOptions, Compiled};

/// A graph in the making.
pub(crate) struct Draft {
    pub(crate) graph: Graph,
    pub(crate) rng: Rng,
}

impl Draft {
    pub(crate) fn new(seed: u64) -> Self {
        Self { graph: Graph { name: "draft".into(), ..Graph::default() }, rng: Rng::new(seed) }
    }

    fn name(&self) -> String {
        format!("t{}", self.graph.tensors.len())
    }

    pub(crate) fn input(&mut self, shape: &[usize]) -> TensorId {
        self.input_of(DType::F32, shape)
    }

    pub(crate) fn input_of(&mut self, dtype: DType, shape: &[usize]) -> TensorId {
        let name = self.name();
        let id = self.graph.add(name.clone(), dtype, shape);
        self.graph.inputs.push((name, id));
        id
    }

    pub(crate) fn weights(&mut self, shape: &[usize]) -> TensorId {
        let values = self.rng.f32s(shape.iter().product());
        let name = self.name();
        self.graph.constant(name, DType::F32, shape, Value::from_f32(&values))
    }

    pub(crate) fn integers(&mut self, shape: &[usize], values: &[i64]) -> TensorId {
        let name = self.name();
        self.graph.constant(name, DType::I64, shape, Value::from_i64(values))
    }

    /// A node with one f32 output.
    pub(crate) fn node(&mut self, op: Op, inputs: &[TensorId], shape: &[usize]) -> TensorId {
        let inputs: Vec<_> = inputs.iter().map(|&id| Some(id)).collect();
        self.node_of(op, &inputs, DType::F32, shape)
    }

    pub(crate) fn node_of(&mut self, op: Op, inputs: &[Option<TensorId>], dtype: DType, shape: &[usize]) -> TensorId {
        let name = self.name();
        let id = self.graph.add(name.clone(), dtype, shape);
        self.graph.tensors[id.0].origin = Some((name, (0..shape.len()).collect()));
        self.push(op, inputs, &[Some(id)]);
        id
    }

    pub(crate) fn push(&mut self, op: Op, inputs: &[Option<TensorId>], outputs: &[Option<TensorId>]) {
        let name = format!("n{}", self.graph.nodes.len());
        let (inputs, outputs) = (inputs.to_vec(), outputs.to_vec());
        self.graph.nodes.push(Node { onnx_nodes: vec![name.clone()], name, op, inputs, outputs });
    }

    pub(crate) fn output(&mut self, id: TensorId) {
        let name = format!("out{}", self.graph.outputs.len());
        self.graph.outputs.push((name, id));
    }

    /// Values for every graph input: floats between −1 and 1, small integers.
    pub(crate) fn arrays(&mut self) -> Vec<Array> {
        let inputs = self.graph.inputs.clone();
        inputs.iter().map(|(_, id)| self.array(*id)).collect()
    }

    fn array(&mut self, id: TensorId) -> Array {
        let tensor = self.graph.tensor(id);
        let (dtype, shape, len) = (tensor.dtype, tensor.shape.clone(), tensor.len());
        let value = |rng: &mut Rng| match dtype {
            DType::F32 => f64::from(rng.f32()),
            DType::Bool => f64::from(u8::from(rng.coin())),
            _ => rng.in_range(0..=4) as f64,
        };
        Array::new(dtype, &shape, (0..len).map(|_| value(&mut self.rng)).collect())
    }

    /// Compiles, runs, compares every output with the interpreter's, and gives the plan.
    pub(crate) fn check(mut self) -> Compiled {
        let inputs = self.arrays();
        let compiled = compile(&self.graph);
        let wanted = interpreter::run(&self.graph, &inputs);
        let got = run(&compiled.plan, &inputs);
        for (i, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
            assert_close(got, wanted, &format!("output {i} of {:#?}", self.graph.nodes));
        }
        compiled
    }
}

pub(crate) fn compile(graph: &Graph) -> Compiled {
    compile_with(graph, &CompileOptions::default())
}

pub(crate) fn compile_with(graph: &Graph, options: &CompileOptions) -> Compiled {
    crate::assemble(graph, [0; 32], options, None, &mut |_, _| ()).expect("the graph compiles")
}

/// Runs a plan on the generic kernels.
pub(crate) fn run(plan: &[u8], inputs: &[Array]) -> Vec<Array> {
    let bytes = AlignedBytes::copy_of(plan);
    let plan = Plan::parse(&bytes).expect("the plan is valid");
    let mut session = Session::new(plan, SessionOptions::default()).expect("the plan binds");
    for (i, input) in inputs.iter().enumerate() {
        session.input_mut(i).copy_from_slice(&input.to_bytes());
    }
    session.run().expect("the plan runs");
    let output = |(i, port): (usize, coulter_plan::Port<'_>)| {
        let shape: Vec<usize> = port.tensor.dims.iter().map(|&d| d as usize).collect();
        Array::from_bytes(port.tensor.dtype, &shape, session.output(i))
    };
    plan.outputs().enumerate().map(output).collect()
}

pub(crate) fn assert_close(got: &Array, wanted: &Array, what: &str) {
    assert_eq!((got.dtype, &got.shape), (wanted.dtype, &wanted.shape), "{what}");
    let largest = wanted.values.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (g, w)) in got.values.iter().zip(&wanted.values).enumerate() {
        let same = g == w || g.is_nan() && w.is_nan() || (g - w).abs() <= 1e-4 * largest;
        assert!(same, "element {i} is {g}, not {w}: {what}");
    }
}
