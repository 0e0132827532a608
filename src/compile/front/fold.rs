//! Computes operations of the graph whose operands are constants, as the plan's operators are defined.

use std::sync::Arc;

use coulter_kernels::activation::{Function, Kind};
use coulter_kernels::{IsaSet, RowsMut, activation_f32};
use coulter_plan::DType;
use coulter_plan::ops::{binary, pad, reduce};

use super::numbers::{self, Number};
use crate::graph::{Op, Tensor};

/// The bytes of the result; `None` where there is no such computation here.
pub(crate) fn evaluate(op: &Op, inputs: &[&Tensor], dtype: DType, shape: &[usize]) -> Option<Arc<[u8]>> {
    let x = *inputs.first()?;
    let value = x.value.as_ref()?;
    match op {
        Op::Reshape | Op::Copy => Some(value.0.clone()),
        Op::Transpose(perm) => {
            let steps = strides(&x.shape);
            Some(strided(x, 0, shape, &perm.iter().map(|&p| steps[p]).collect::<Vec<_>>()))
        }
        Op::Slice { start, step } => {
            let steps = strides(&x.shape);
            let offset: isize = start.iter().zip(&steps).map(|(&s, &d)| s as isize * d).sum();
            let steps: Vec<_> = steps.iter().zip(step).map(|(&d, &s)| d * s).collect();
            Some(strided(x, offset, shape, &steps))
        }
        Op::Broadcast => Some(strided(x, 0, shape, &broadcast(&x.shape, shape))),
        Op::Concat(axis) => concat(inputs, *axis),
        Op::Cast => Some(cast(x, dtype)),
        Op::Binary(params) if params.activation == coulter_plan::Activation::IDENTITY => {
            binary(params.kind, x, inputs.get(1)?, shape)
        }
        Op::Select => select(x, inputs.get(1)?, inputs.get(2)?, shape),
        Op::Gather(params) => gather(x, inputs.get(1)?, params.axis as usize),
        Op::Unary(params) => unary(x, params.function),
        Op::Reduce(params) if params.activation == coulter_plan::Activation::IDENTITY => reduce(x, params, shape),
        Op::Pad(params) if params.mode == pad::Mode::Constant => Some(pad(x, params, shape)),
        _ => None,
    }
}

/// Row-major strides, in elements.
pub(crate) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1_isize; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i].max(1) as isize;
    }
    strides
}

/// Strides that repeat a tensor of this shape to another one of the same rank.
fn broadcast(from: &[usize], to: &[usize]) -> Vec<isize> {
    let steps = strides(from).into_iter().zip(from.iter().zip(to));
    steps.map(|(stride, (&a, &b))| if a == 1 && b != 1 { 0 } else { stride }).collect()
}

/// Calls `visit` with the position of every element of a strided window, in row-major order of `shape`.
fn walk(offset: isize, shape: &[usize], steps: &[isize], mut visit: impl FnMut(isize)) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    let mut at = offset;
    loop {
        visit(at);
        let mut axis = shape.len();
        loop {
            let Some(next) = axis.checked_sub(1) else { return };
            axis = next;
            index[axis] += 1;
            at += steps[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= steps[axis] * shape[axis] as isize;
            index[axis] = 0;
        }
    }
}

/// Positions of the elements of a window.
fn positions(offset: isize, shape: &[usize], steps: &[isize]) -> Vec<usize> {
    let mut all = Vec::with_capacity(shape.iter().product());
    walk(offset, shape, steps, |at| all.push(at as usize));
    all
}

fn bytes(x: &Tensor) -> &[u8] {
    x.value.as_ref().map_or(&[], |v| &v.0)
}

fn strided(x: &Tensor, offset: isize, shape: &[usize], steps: &[isize]) -> Arc<[u8]> {
    let (size, from) = (x.dtype.size(), bytes(x));
    let mut to = Vec::with_capacity(shape.iter().product::<usize>() * size);
    walk(offset, shape, steps, |at| to.extend_from_slice(&from[at as usize * size..][..size]));
    to.into()
}

fn concat(inputs: &[&Tensor], axis: usize) -> Option<Arc<[u8]>> {
    let outer: usize = inputs[0].shape[..axis].iter().product();
    let mut to = Vec::new();
    for row in 0..outer {
        for x in inputs {
            let run = x.shape[axis..].iter().product::<usize>() * x.dtype.size();
            to.extend_from_slice(&bytes(x)[row * run..][..run]);
        }
    }
    Some(to.into())
}

fn cast(x: &Tensor, dtype: DType) -> Arc<[u8]> {
    let mut to = Vec::with_capacity(x.len() * dtype.size());
    for element in bytes(x).chunks_exact(x.dtype.size()) {
        numbers::write(numbers::read(element, x.dtype), dtype, &mut to);
    }
    to.into()
}

fn binary(kind: binary::Kind, a: &Tensor, b: &Tensor, shape: &[usize]) -> Option<Arc<[u8]>> {
    let given = if kind.is_comparison() { DType::Bool } else { a.dtype };
    let lefts = positions(0, shape, &broadcast(&a.shape, shape));
    let rights = positions(0, shape, &broadcast(&b.shape, shape));
    let size = a.dtype.size();
    let mut to = Vec::with_capacity(lefts.len() * given.size());
    for (left, right) in lefts.into_iter().zip(rights) {
        let left = numbers::read(&bytes(a)[left * size..][..size], a.dtype);
        let right = numbers::read(&bytes(b)[right * size..][..size], b.dtype);
        let result = match (left, right) {
            (Number::Float(a), Number::Float(b)) if given == DType::F32 || kind.is_comparison() => {
                numbers::floats(kind, a as f32, b as f32)?
            }
            (Number::Int(a), Number::Int(b)) => numbers::ints(kind, a as i64, b as i64, a_is_i32(given))?,
            _ => return None,
        };
        numbers::write(result, given, &mut to);
    }
    Some(to.into())
}

fn a_is_i32(dtype: DType) -> bool {
    dtype == DType::I32
}

fn select(condition: &Tensor, a: &Tensor, b: &Tensor, shape: &[usize]) -> Option<Arc<[u8]>> {
    let [conditions, lefts, rights] = [condition, a, b].map(|x| positions(0, shape, &broadcast(&x.shape, shape)));
    let size = a.dtype.size();
    let mut to = Vec::with_capacity(lefts.len() * size);
    for ((condition_at, left), right) in conditions.into_iter().zip(lefts).zip(rights) {
        let (from, at) = if bytes(condition)[condition_at] != 0 { (a, left) } else { (b, right) };
        to.extend_from_slice(&bytes(from)[at * size..][..size]);
    }
    Some(to.into())
}

fn gather(x: &Tensor, indices: &Tensor, axis: usize) -> Option<Arc<[u8]>> {
    let (outer, count) = (x.shape[..axis].iter().product::<usize>(), x.shape[axis]);
    let run = x.shape[axis + 1..].iter().product::<usize>() * x.dtype.size();
    let mut to = Vec::new();
    for row in 0..outer {
        for element in bytes(indices).chunks_exact(indices.dtype.size()) {
            let Number::Int(index) = numbers::read(element, indices.dtype) else { return None };
            let index = usize::try_from(if index < 0 { index + count as i128 } else { index }).ok();
            let index = index.filter(|&index| index < count)?;
            to.extend_from_slice(&bytes(x)[(row * count + index) * run..][..run]);
        }
    }
    Some(to.into())
}

/// Through the portable kernel, whose results are those of every other.
fn unary(x: &Tensor, function: coulter_plan::Activation) -> Option<Arc<[u8]>> {
    let mut values: Vec<f32> = bytes(x).chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let kind = Kind::ALL.iter().copied().find(|kind| *kind as u32 == function.kind as u32)?;
    let function = Function { kind, a: function.a, b: function.b };
    let columns = values.len();
    activation_f32::select(IsaSet::GENERIC)
        .apply_in_place(&function, &mut RowsMut::of(&mut values, 1, columns, columns));
    Some(values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn reduce(x: &Tensor, params: &reduce::Params, shape: &[usize]) -> Option<Arc<[u8]>> {
    use reduce::Kind;
    if x.dtype == DType::F32 || !matches!(params.kind, Kind::Sum | Kind::Prod | Kind::Max | Kind::Min) || x.is_empty() {
        return None;
    }
    let steps = strides(shape);
    let steps: Vec<isize> =
        steps.iter().enumerate().map(|(i, &s)| if params.axes >> i & 1 == 1 { 0 } else { s }).collect();
    let places = positions(0, &x.shape, &steps);
    let mut totals: Vec<Option<i64>> = vec![None; shape.iter().product()];
    for (element, place) in bytes(x).chunks_exact(x.dtype.size()).zip(places) {
        let Number::Int(value) = numbers::read(element, x.dtype) else { return None };
        let value = value as i64;
        let total = totals[place];
        totals[place] = Some(match (params.kind, total) {
            (_, None) => value,
            (Kind::Sum, Some(t)) => t.wrapping_add(value),
            (Kind::Prod, Some(t)) => t.wrapping_mul(value),
            (Kind::Max, Some(t)) => t.max(value),
            (_, Some(t)) => t.min(value),
        });
    }
    let mut to = Vec::new();
    for total in totals {
        numbers::write(Number::Int(i128::from(total?)), x.dtype, &mut to);
    }
    Some(to.into())
}

fn pad(x: &Tensor, params: &pad::Params, shape: &[usize]) -> Arc<[u8]> {
    let size = x.dtype.size();
    let constant: Vec<u8> = params.value.iter().flat_map(|w| w.to_le_bytes()).take(size).collect();
    let mut to: Vec<u8> = constant.iter().copied().cycle().take(shape.iter().product::<usize>() * size).collect();
    let steps = strides(shape);
    let offset: isize = steps.iter().zip(&params.before).map(|(&s, &n)| s * n as isize).sum();
    let mut elements = bytes(x).chunks_exact(size);
    walk(offset, &x.shape, &steps, |at| {
        if let Some(element) = elements.next() {
            to[at as usize * size..][..size].copy_from_slice(element);
        }
    });
    to.into()
}
