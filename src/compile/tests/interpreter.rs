//! A slow second opinion: computes a graph in f64 with plain loops, operator by operator, as the documentation of
//! [`crate::graph::Op`] and of the plan's operators tells.
//!
//! `crate::tests::interpreter::run(&graph, &inputs)` gives the graph's outputs and `values` every tensor: rules are
//! proved by running a graph before and after, lowering by running the plan beside it. Integers are held as f64 and
//! are exact up to 2⁵³. Fallback nodes are not known.

mod elementwise;
mod products;
mod quantized;
mod recurrent;
mod reductions;
mod spatial;

use coulter_plan::DType;

use crate::graph::{Graph, Node, Op, Tensor};

/// A dense tensor of numbers; truth values are 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Array {
    /// From values in row-major order.
    pub(crate) fn new(dtype: DType, shape: &[usize], values: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "values fill the shape");
        Self { dtype, shape: shape.to_vec(), values }
    }

    /// From the bytes of a dense tensor.
    pub(crate) fn from_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Self {
        Self::new(dtype, shape, numbers(dtype, bytes))
    }

    /// Its elements' bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|&v| element(self.dtype, v)).collect()
    }

    /// The element at an index of as many dimensions; those of length 1 are broadcast, missing ones are outer.
    pub(crate) fn at(&self, index: &[usize]) -> f64 {
        let skipped = index.len() - self.shape.len();
        let place = self.shape.iter().zip(&index[skipped..]).fold(0, |place, (&dim, &i)| place * dim + i % dim.max(1));
        self.values[place]
    }

    fn fill(dtype: DType, shape: &[usize], mut value: impl FnMut(&[usize]) -> f64) -> Self {
        let values = indices(shape).map(|index| value(&index)).collect();
        Self::new(dtype, shape, values)
    }
}

/// Every index below `shape`, in row-major order.
pub(crate) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    (0..shape.iter().product::<usize>()).map(move |mut place| {
        let mut index = vec![0; shape.len()];
        for (i, &dim) in shape.iter().enumerate().rev() {
            index[i] = place % dim;
            place /= dim;
        }
        index
    })
}

/// The numbers in the bytes of a dense tensor.
pub(crate) fn numbers(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.chunks_exact(N).map(|chunk| number(chunk.try_into().expect("chunks of N"))).collect()
    }
    match dtype {
        DType::F32 => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
        DType::F16 => each(bytes, |b| half::f16::from_le_bytes(b).to_f64()),
        DType::BF16 => each(bytes, |b| half::bf16::from_le_bytes(b).to_f64()),
        DType::F64 => each(bytes, f64::from_le_bytes),
        DType::I8 => each(bytes, |b: [u8; 1]| f64::from(b[0] as i8)),
        DType::U8 | DType::Bool => each(bytes, |b: [u8; 1]| f64::from(b[0])),
        DType::I16 => each(bytes, |b| f64::from(i16::from_le_bytes(b))),
        DType::U16 => each(bytes, |b| f64::from(u16::from_le_bytes(b))),
        DType::I32 => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
        DType::U32 => each(bytes, |b| f64::from(u32::from_le_bytes(b))),
        DType::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        DType::U64 => each(bytes, |b| u64::from_le_bytes(b) as f64),
    }
}

/// The bytes of one element.
fn element(dtype: DType, value: f64) -> Vec<u8> {
    match dtype {
        DType::F32 => (value as f32).to_le_bytes().to_vec(),
        DType::F16 => half::f16::from_f64(value).to_le_bytes().to_vec(),
        DType::BF16 => half::bf16::from_f64(value).to_le_bytes().to_vec(),
        DType::F64 => value.to_le_bytes().to_vec(),
        DType::U64 => (value as u64).to_le_bytes().to_vec(),
        _ => (value as i64).to_le_bytes()[..dtype.size()].to_vec(),
    }
}

/// The graph's outputs for these inputs, in the order of the ports.
///
/// # Panics
/// If an input is missing or of another shape, or a shape does not follow from its node.
pub(crate) fn run(graph: &Graph, inputs: &[Array]) -> Vec<Array> {
    let values = values(graph, inputs);
    graph
        .outputs
        .iter()
        .map(|(name, id)| values[id.0].clone().unwrap_or_else(|| panic!("{name} is computed")))
        .collect()
}

/// Every tensor that is an input, a constant or computed.
pub(crate) fn values(graph: &Graph, inputs: &[Array]) -> Vec<Option<Array>> {
    assert_eq!(inputs.len(), graph.inputs.len(), "one array for each graph input");
    let constant =
        |tensor: &Tensor| tensor.value.as_ref().map(|value| Array::from_bytes(tensor.dtype, &tensor.shape, &value.0));
    let mut values: Vec<Option<Array>> = graph.tensors.iter().map(constant).collect();
    for ((name, id), array) in graph.inputs.iter().zip(inputs) {
        assert_eq!(array.shape, graph.tensor(*id).shape, "shape of input {name}");
        values[id.0] = Some(array.clone());
    }
    for node in &graph.nodes {
        let computed = node_outputs(graph, node, &values);
        for (id, array) in node.outputs.iter().zip(computed) {
            let Some(id) = id else { continue };
            let tensor = graph.tensor(*id);
            assert_eq!(array.shape, tensor.shape, "shape of {} by node {}", tensor.name, node.name);
            values[id.0] = Some(Array { dtype: tensor.dtype, ..array });
        }
    }
    values
}

fn node_outputs(graph: &Graph, node: &Node, values: &[Option<Array>]) -> Vec<Array> {
    let given = |i: usize| -> Option<&Array> { values[node.inputs.get(i).copied().flatten()?.0].as_ref() };
    let input = |i: usize| given(i).unwrap_or_else(|| panic!("node {} has input {i}", node.name));
    let outputs: Vec<Option<&Tensor>> = node.outputs.iter().map(|id| id.map(|id| graph.tensor(id))).collect();
    let output = || outputs[0].expect("the output is there");
    let ending = || quantized::Ending { bias: input(2), multiplier: input(3), residual: given(4), table: given(5) };
    let one = match &node.op {
        Op::Conv2d(p) => spatial::conv2d(p, input(0), input(1), given(2), given(3)),
        Op::DepthwiseConv2d(p) => spatial::depthwise_conv2d(p, input(0), input(1), given(2), given(3)),
        Op::ConvTranspose2d(p) => spatial::conv_transpose2d(p, input(0), input(1), given(2)),
        Op::Pool2d(p) => spatial::pool2d(p, input(0), &output().shape),
        Op::Resize(p) => spatial::resize(p, input(0), &output().shape),
        Op::FullyConnected(p) => products::fully_connected(p, input(0), input(1), given(2), given(3)),
        Op::MatMul(p) => products::matmul(p, input(0), input(1), &output().shape),
        Op::Attention(p) => products::attention(p, input(0), input(1), input(2), given(3)),
        Op::Recurrent(p) => {
            let states = [3, 4, 5, 6].map(given);
            return recurrent::recurrent(p, input(0), input(1), input(2), states);
        }
        Op::Reduce(p) => reductions::reduce(p, input(0)),
        Op::Softmax(p) => reductions::softmax(p, input(0)),
        Op::Normalize(p) => reductions::normalize(p, input(0), given(1), given(2)),
        Op::Unary(p) => elementwise::unary(p, input(0)),
        Op::Binary(p) => elementwise::binary(p, input(0), input(1), output()),
        Op::Select => elementwise::select(input(0), input(1), input(2), output()),
        Op::Cast => elementwise::cast(input(0), output().dtype),
        Op::Pad(p) => pad(p, input(0), &output().shape),
        Op::Gather(p) => gather(p.axis as usize, input(0), input(1), &output().shape),
        Op::Quantize(p) => quantized::quantize(p, input(0), &output().shape),
        Op::Dequantize(p) => quantized::dequantize(p, input(0)),
        Op::Table => quantized::table(input(0), input(1), output().dtype),
        Op::QConv2d(p) => quantized::conv2d(p, input(0), input(1), &ending()),
        Op::QDepthwiseConv2d(p) => quantized::depthwise_conv2d(p, input(0), input(1), &ending()),
        Op::QFullyConnected(p) => quantized::fully_connected(p, input(0), input(1), &ending()),
        Op::QBinary(p) => quantized::binary(p, input(0), input(1), &output().shape),
        Op::QPool2d(p) => quantized::pool2d(p, input(0), &output().shape),
        Op::QSoftmax(p) => quantized::softmax(p, input(0), input(1)),
        Op::DynamicFullyConnected(p) => quantized::dynamic(p, input(0), input(1), input(2), given(3)),
        Op::Reshape => Array { shape: output().shape.clone(), ..input(0).clone() },
        Op::Transpose(permutation) => transpose(input(0), permutation),
        Op::Slice { start, step } => {
            let from = |index: &[usize]| -> Vec<usize> {
                let along = start.iter().zip(step).zip(index);
                along.map(|((&start, &step), &i)| start.wrapping_add_signed(step * i as isize)).collect()
            };
            Array::fill(input(0).dtype, &output().shape, |index| input(0).at(&from(index)))
        }
        Op::Concat(axis) => concat(node.inputs.iter().enumerate().map(|(i, _)| input(i)), *axis, &output().shape),
        Op::Broadcast => Array::fill(input(0).dtype, &output().shape, |index| input(0).at(index)),
        Op::Copy => input(0).clone(),
        Op::Fallback(_) => panic!("the interpreter does not run fallback nodes"),
    };
    vec![one]
}

/// Output dimension i is input dimension `permutation[i]`.
pub(crate) fn transpose(x: &Array, permutation: &[usize]) -> Array {
    let shape: Vec<usize> = permutation.iter().map(|&p| x.shape[p]).collect();
    Array::fill(x.dtype, &shape, |index| {
        let mut from = vec![0; index.len()];
        permutation.iter().zip(index).for_each(|(&p, &i)| from[p] = i);
        x.at(&from)
    })
}

fn concat<'a>(parts: impl Iterator<Item = &'a Array>, axis: usize, shape: &[usize]) -> Array {
    let parts: Vec<&Array> = parts.collect();
    Array::fill(parts[0].dtype, shape, |index| {
        let mut index = index.to_vec();
        for part in &parts {
            if index[axis] < part.shape[axis] {
                return part.at(&index);
            }
            index[axis] -= part.shape[axis];
        }
        panic!("the parts fill the shape")
    })
}

fn gather(axis: usize, x: &Array, indices: &Array, shape: &[usize]) -> Array {
    let rank = indices.shape.len();
    Array::fill(x.dtype, shape, |index| {
        let chosen = indices.at(&index[axis..axis + rank]) as i64;
        let chosen = if chosen < 0 { chosen + x.shape[axis] as i64 } else { chosen };
        let from = [&index[..axis], &[chosen as usize], &index[axis + rank..]].concat();
        x.at(&from)
    })
}

fn pad(params: &coulter_plan::ops::pad::Params, x: &Array, shape: &[usize]) -> Array {
    use coulter_plan::ops::pad::Mode;
    let value: Vec<u8> = params.value.iter().flat_map(|word| word.to_le_bytes()).collect();
    let value = numbers(x.dtype, &value[..x.dtype.size()])[0];
    Array::fill(x.dtype, shape, |index| {
        let mut from = Vec::new();
        for (d, &i) in index.iter().enumerate() {
            let (place, len) = (i as i64 - i64::from(params.before[d]), x.shape[d] as i64);
            let inside = (0..len).contains(&place);
            from.push(match params.mode {
                _ if inside => place as usize,
                Mode::Constant => return value,
                Mode::Edge => place.clamp(0, len - 1) as usize,
                Mode::Wrap => place.rem_euclid(len) as usize,
                Mode::Reflect if place < 0 => -place as usize,
                Mode::Reflect => (2 * (len - 1) - place) as usize,
            });
        }
        x.at(&from)
    })
}
