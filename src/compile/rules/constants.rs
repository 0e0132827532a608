//! Computing with constants.

use coulter_plan::DType;

use super::math;
use super::shapes::{permuted, strides};
use crate::graph::{Graph, Node, Op, Tensor, Value};

/// Elements of a strided view, copied out densely: of `shape`, the first at `offset`, with these strides.
fn gathered(bytes: &[u8], size: usize, shape: &[usize], offset: usize, strides: &[isize]) -> Vec<u8> {
    let count: usize = shape.iter().product();
    let mut out = Vec::with_capacity(count * size);
    let mut index = vec![0; shape.len()];
    let mut at = offset as isize;
    for _ in 0..count {
        let start = at as usize * size;
        out.extend_from_slice(&bytes[start..start + size]);
        for d in (0..shape.len()).rev() {
            index[d] += 1;
            at += strides[d];
            if index[d] < shape[d] {
                break;
            }
            at -= strides[d] * shape[d] as isize;
            index[d] = 0;
        }
    }
    out
}

/// A transposed constant.
pub(crate) fn transposed(value: &Value, dtype: DType, shape: &[usize], perm: &[usize]) -> Value {
    let steps: Vec<isize> = permuted(&strides(shape), perm).into_iter().map(|s| s as isize).collect();
    Value(gathered(&value.0, dtype.size(), &permuted(shape, perm), 0, &steps).into())
}

fn repeated(tensor: &Tensor, value: &Value, shape: &[usize]) -> Option<Value> {
    if tensor.shape.len() != shape.len() {
        return None;
    }
    let steps = strides(&tensor.shape);
    let step = |(i, &dim): (usize, &usize)| if dim == 1 { 0 } else { steps[i] as isize };
    let steps: Vec<isize> = tensor.shape.iter().enumerate().map(step).collect();
    Some(Value(gathered(&value.0, tensor.dtype.size(), shape, 0, &steps).into()))
}

fn sliced(tensor: &Tensor, value: &Value, shape: &[usize], start: &[usize], step: &[isize]) -> Value {
    if shape.contains(&0) {
        return Value(Vec::new().into());
    }
    let whole = strides(&tensor.shape);
    let offset = whole.iter().zip(start).map(|(stride, first)| stride * first).sum();
    let steps: Vec<isize> = whole.iter().zip(step).map(|(&stride, step)| stride as isize * step).collect();
    Value(gathered(&value.0, tensor.dtype.size(), shape, offset, &steps).into())
}

fn joined(parts: &[(&Tensor, &Value)], axis: usize, result: &Tensor) -> Value {
    let outer: usize = result.shape[..axis].iter().product();
    let mut bytes = Vec::with_capacity(result.bytes());
    for row in 0..outer {
        for (tensor, value) in parts {
            let length = tensor.shape[axis..].iter().product::<usize>() * tensor.dtype.size();
            bytes.extend_from_slice(&value.0[row * length..(row + 1) * length]);
        }
    }
    Value(bytes.into())
}

/// Elements as real numbers, where those hold the type's values exactly.
fn numbers(dtype: DType, value: &Value) -> Option<Vec<f64>> {
    match dtype {
        DType::F32 => Some(value.to_f32().into_iter().map(f64::from).collect()),
        DType::I32 => Some(words(value).map(|w| f64::from(w as i32)).collect()),
        DType::Bool | DType::U8 => Some(value.0.iter().map(|&b| f64::from(b)).collect()),
        DType::I64 => value.to_i64().into_iter().map(|v| (v.unsigned_abs() < 1 << 53).then_some(v as f64)).collect(),
        _ => None,
    }
}

fn words(value: &Value) -> impl Iterator<Item = u32> + '_ {
    value.0.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Real numbers as elements. Floats round once; integers must hold the numbers.
fn elements(dtype: DType, numbers: &[f64]) -> Option<Value> {
    let whole = |x: &f64, bound: f64| (x.trunc() == *x && x.abs() < bound).then_some(*x);
    match dtype {
        DType::F32 => Some(Value::from_f32(&numbers.iter().map(|&x| x as f32).collect::<Vec<_>>())),
        DType::Bool => Some(Value(numbers.iter().map(|&x| u8::from(x != 0.0)).collect())),
        DType::I64 => {
            let values: Option<Vec<i64>> = numbers.iter().map(|x| Some(whole(x, 2f64.powi(53))? as i64)).collect();
            Some(Value::from_i64(&values?))
        }
        DType::I32 => {
            let values: Option<Vec<i32>> = numbers.iter().map(|x| Some(whole(x, 2f64.powi(31))? as i32)).collect();
            Some(Value(values?.into_iter().flat_map(i32::to_le_bytes).collect()))
        }
        _ => None,
    }
}

/// The value of a node's only output, if all its inputs are constant and it is one of the operators that move
/// elements or compute them one by one.
pub(crate) fn evaluate(graph: &Graph, node: &Node) -> Option<Value> {
    let [Some(result)] = node.outputs[..] else { return None };
    let result = graph.tensor(result);
    let inputs: Vec<(&Tensor, &Value)> = node
        .inputs
        .iter()
        .map(|id| id.map(|id| graph.tensor(id)).and_then(|tensor| Some((tensor, tensor.value.as_ref()?))))
        .collect::<Option<_>>()?;
    let &(x, value) = inputs.first()?;
    match &node.op {
        Op::Reshape | Op::Copy => Some(value.clone()),
        Op::Transpose(perm) => Some(transposed(value, x.dtype, &x.shape, perm)),
        Op::Broadcast => repeated(x, value, &result.shape),
        Op::Slice { start, step } => Some(sliced(x, value, &result.shape, start, step)),
        Op::Concat(axis) => Some(joined(&inputs, *axis, result)),
        Op::Gather(p) => taken(&inputs, p.axis as usize),
        Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast => pointwise(&node.op, &inputs, result),
        _ => None,
    }
}

fn taken(inputs: &[(&Tensor, &Value)], axis: usize) -> Option<Value> {
    let &[(x, value), (indices, places)] = inputs else { return None };
    let block = x.shape[axis + 1..].iter().product::<usize>() * x.dtype.size();
    let length = x.shape[axis];
    let mut bytes = Vec::new();
    for row in 0..x.shape[..axis].iter().product() {
        for place in numbers(indices.dtype, places)? {
            let place = if place < 0.0 { place + length as f64 } else { place };
            // An index outside is an error of the run, not of the compilation.
            if place < 0.0 || place >= length as f64 {
                return None;
            }
            let start = (row * length + place as usize) * block;
            bytes.extend_from_slice(&value.0[start..start + block]);
        }
    }
    Some(Value(bytes.into()))
}

fn pointwise(op: &Op, inputs: &[(&Tensor, &Value)], result: &Tensor) -> Option<Value> {
    let operands: Vec<Vec<f64>> = inputs
        .iter()
        .map(|(tensor, value)| numbers(tensor.dtype, &repeated(tensor, value, &result.shape)?))
        .collect::<Option<_>>()?;
    let float = result.dtype == DType::F32;
    let values: Vec<f64> = match (op, &operands[..]) {
        (Op::Unary(p), [x]) if math::knows(p.function.kind) => {
            x.iter().map(|&x| math::activation(p.function, x)).collect()
        }
        (Op::Binary(p), [a, b]) if float || p.kind.is_comparison() || p.kind.is_logical() || is_ring(p.kind) => {
            let compute = |(&a, &b): (&f64, &f64)| {
                let y = math::binary(p.kind, a, b);
                if float { math::activation(p.activation, f64::from(y as f32)) } else { y }
            };
            a.iter().zip(b).map(compute).collect()
        }
        (Op::Select, [condition, a, b]) => {
            let pick = |(i, &holds): (usize, &f64)| if holds != 0.0 { a[i] } else { b[i] };
            condition.iter().enumerate().map(pick).collect()
        }
        (Op::Cast, [x]) if float || result.dtype == DType::Bool => x.clone(),
        (Op::Cast, [x]) if inputs[0].0.dtype != DType::F32 => x.clone(),
        _ => return None,
    };
    elements(result.dtype, &values)
}

/// Operations of integers whose exact result is that of real numbers.
fn is_ring(kind: coulter_plan::ops::binary::Kind) -> bool {
    use coulter_plan::ops::binary::Kind;
    matches!(kind, Kind::Add | Kind::Sub | Kind::Mul | Kind::Min | Kind::Max)
}
