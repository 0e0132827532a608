//! Scaled dot-product attention.

use coulter_plan::ops::{attention, binary};
use coulter_plan::{Activation, ActivationKind, DType};

use super::patch::Patch;
use super::sink_broadcast::unrepeated;
use super::view::View;
use crate::graph::{Op, TensorId};

/// A masking value so low that adding any score to it changes nothing.
const FAR_BELOW: f32 = -1e15;

/// What is added to the scores.
enum Mask {
    /// This tensor.
    Tensor(TensorId),
    /// A low value where the condition is, or is not, true; else nothing.
    Where { condition: TensorId, low: f32, when: bool },
}

/// softmax(α · q·kᵀ [+ mask]) · v → attention.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::MatMul(outer) = view.node(i).op else { return None };
    let (weights, v, result) = (view.input(i, 0)?, view.input(i, 1)?, view.output(i)?);
    let softmax = view.private_maker(weights)?;
    let Op::Softmax(p) = view.node(softmax).op else { return None };
    let (inner, masks) = scores(view, view.input(softmax, 0)?)?;
    let Op::MatMul(product) = view.node(inner).op else { return None };
    let plain = [outer.activation, product.activation].iter().all(|f| f.kind == ActivationKind::Identity);
    let rank = view.shape(result).len();
    if p.log || !plain || outer.alpha != 1.0 || !(2..=4).contains(&rank) {
        return None;
    }
    let (q, k) = (view.input(inner, 0)?, view.input(inner, 1)?);
    if [q, k, v].iter().any(|&id| !view.is_plain_f32(id) || view.shape(id).len() != rank) {
        return None;
    }
    let batches = batches(view, [q, v], result)?;
    let mut builder = Builder { view, patch: Patch::removing(view, &[inner, softmax, i]), root: i, rank, batches };
    let [s, t] = view.shape(weights)[rank - 2..] else { return None };
    let causal = t >= s && matches!(&masks[..], [Mask::Tensor(only)] if is_causal(view, *only, s, t));
    let mask = if causal { None } else { builder.mask(&masks)? };
    let q = builder.operand(q, false)?;
    let k = builder.operand(k, true)?;
    let v = builder.operand(v, false)?;
    builder.finish([Some(q), Some(k), Some(v), mask], attention::Params { scale: product.alpha, causal })
}

/// The matrix product that makes the scores, and the masks on the way.
fn scores(view: &View<'_>, mut id: TensorId) -> Option<(usize, Vec<Mask>)> {
    let shape = view.shape(id);
    let mut masks = Vec::new();
    loop {
        let maker = view.private_maker(id)?;
        if view.shape(id) != shape || masks.len() > 3 {
            return None;
        }
        let node = view.node(maker);
        let operand = |k: usize| view.input(maker, k);
        let is_score = |id: TensorId| view.shape(id) == shape && leads_to_product(view, id);
        match &node.op {
            Op::MatMul(_) => return Some((maker, masks)),
            Op::Binary(p) if p.kind == binary::Kind::Add && p.activation.kind == ActivationKind::Identity => {
                let (a, b) = (operand(0)?, operand(1)?);
                let (score, mask) = if is_score(a) { (a, b) } else { (b, a) };
                masks.push(Mask::Tensor(mask));
                id = score;
            }
            Op::Select => {
                let (condition, a, b) = (operand(0)?, operand(1)?, operand(2)?);
                let (score, low, when) = if is_score(a) { (a, b, false) } else { (b, a, true) };
                let low = view.scalar(low).filter(|&low| low <= FAR_BELOW)?;
                masks.push(Mask::Where { condition, low, when });
                id = score;
            }
            _ => return None,
        }
    }
}

/// Whether a tensor is made, by additions and selections alone, of a matrix product.
fn leads_to_product(view: &View<'_>, mut id: TensorId) -> bool {
    for _ in 0..4 {
        let Some(maker) = view.private_maker(id) else { return false };
        match view.node(maker).op {
            Op::MatMul(_) => return true,
            Op::Binary(_) | Op::Select => {}
            _ => return false,
        }
        let shape = view.shape(id);
        let inputs = view.node(maker).inputs.iter().flatten().copied();
        let whole = |&operand: &TensorId| view.shape(operand) == shape && view.private_maker(operand).is_some();
        match inputs.into_iter().find(whole) {
            Some(operand) => id = operand,
            None => return false,
        }
    }
    false
}

/// Whether a constant mask lets row s of S see columns up to s + T − S and no more.
fn is_causal(view: &View<'_>, mask: TensorId, s: usize, t: usize) -> bool {
    let single = view.len(mask) == s * t && view.shape(mask).ends_with(&[s, t]);
    let Some(values) = view.floats(mask).filter(|_| single && s > 1) else { return false };
    let fits = |(k, &value): (usize, &f32)| {
        if k % t <= k / t + t - s { value == 0.0 } else { value <= FAR_BELOW }
    };
    values.iter().enumerate().all(fits)
}

/// The batch and the heads; of operands of rank 3, those that a reshape made one of, as far as one did.
fn batches(view: &View<'_>, operands: [TensorId; 2], result: TensorId) -> Option<[usize; 2]> {
    match view.shape(result) {
        [b, h, _, _] => Some([*b, *h]),
        [both, _, _] => {
            let split = |id: TensorId| {
                let maker = view.maker(id).filter(|&maker| matches!(view.node(maker).op, Op::Reshape))?;
                let &[b, h, rows, columns] = view.shape(view.input(maker, 0)?) else { return None };
                (b * h == *both && [rows, columns] == view.shape(id)[1..]).then_some([b, h])
            };
            Some(operands.into_iter().find_map(split).unwrap_or([1, *both]))
        }
        _ => Some([1, 1]),
    }
}

struct Builder<'a, 'g> {
    view: &'a View<'g>,
    patch: Patch,
    root: usize,
    rank: usize,
    batches: [usize; 2],
}

impl Builder<'_, '_> {
    fn helper(&mut self, what: &str, op: Op, inputs: &[TensorId], dtype: DType, shape: &[usize]) -> TensorId {
        let node = self.view.node(self.root);
        let id = self.patch.tensor(format!("{}.{what}", node.name), dtype, shape);
        let inputs = inputs.iter().copied().map(Some).collect();
        self.patch.helper(&node.name, op, inputs, id, &node.onnx_nodes);
        id
    }

    /// A shape as one of rank 4.
    fn wide_shape(&self, shape: &[usize]) -> Vec<usize> {
        match *shape {
            [1, rows, columns] => vec![1, 1, rows, columns],
            [_, rows, columns] => vec![self.batches[0], self.batches[1], rows, columns],
            [rows, columns] => vec![1, 1, rows, columns],
            _ => shape.to_vec(),
        }
    }

    /// A tensor as one of rank 4.
    fn wide(&mut self, id: TensorId, shape: &[usize]) -> TensorId {
        let wide = self.wide_shape(shape);
        if wide == shape { id } else { self.helper("wide", Op::Reshape, &[id], DType::F32, &wide) }
    }

    /// An operand of rank 4 with as many batches as the result, its last two dimensions swapped if told to.
    fn operand(&mut self, id: TensorId, swap: bool) -> Option<TensorId> {
        let rank = self.rank;
        let mut shape = self.view.shape(id).to_vec();
        let mut id = id;
        if swap {
            let mut perm: Vec<usize> = (0..rank).collect();
            perm.swap(rank - 2, rank - 1);
            shape.swap(rank - 2, rank - 1);
            id = self.helper("keys", Op::Transpose(perm), &[id], DType::F32, &shape);
        }
        let result = self.view.shape(self.view.output(self.root)?);
        if shape[..rank - 2] != result[..rank - 2] {
            let whole = [&result[..rank - 2], &shape[rank - 2..]].concat();
            id = self.helper("batches", Op::Broadcast, &[id], DType::F32, &whole);
            shape = whole;
        }
        Some(self.wide(id, &shape))
    }

    /// The sum of all masks.
    fn mask(&mut self, masks: &[Mask]) -> Option<Option<TensorId>> {
        let mut sum: Option<(TensorId, Vec<usize>)> = None;
        for mask in masks {
            let (id, shape) = match *mask {
                Mask::Tensor(id) => {
                    let id = unrepeated(self.view, id);
                    (id, self.view.shape(id).to_vec())
                }
                Mask::Where { condition, low, when } => self.chosen(condition, low, when),
            };
            if shape.len() != self.rank {
                return None;
            }
            sum = Some(match sum {
                None => (id, shape),
                Some((other, wide)) => {
                    let both = super::shapes::broadcast([&wide[..], &shape[..]])?;
                    let add = binary::Params { kind: binary::Kind::Add, activation: Activation::IDENTITY };
                    (self.helper("mask", Op::Binary(add), &[other, id], DType::F32, &both), both)
                }
            });
        }
        Some(sum.map(|(id, shape)| self.wide(id, &shape)))
    }

    fn chosen(&mut self, condition: TensorId, low: f32, when: bool) -> (TensorId, Vec<usize>) {
        let shape = self.view.shape(condition).to_vec();
        let name = &self.view.node(self.root).name;
        let ones = vec![1; shape.len()];
        let low = self.patch.floats(format!("{name}.low"), &ones, &[low]);
        let zero = self.patch.floats(format!("{name}.zero"), &ones, &[0.0]);
        let (a, b) = if when { (low, zero) } else { (zero, low) };
        (self.helper("mask", Op::Select, &[condition, a, b], DType::F32, &shape), shape)
    }

    fn finish(mut self, operands: [Option<TensorId>; 4], params: attention::Params) -> Option<Patch> {
        let node = self.view.node(self.root);
        let result = self.view.output(self.root)?;
        let shape = self.view.shape(result);
        let mut inputs = operands.to_vec();
        if operands[3].is_none() {
            inputs.pop();
        }
        if shape.len() == 4 {
            self.patch.node(&node.name, Op::Attention(params), inputs, vec![Some(result)]);
            return Some(self.patch);
        }
        let wide = self.wide_shape(shape);
        let computed = self.patch.tensor(format!("{}.wide", node.name), DType::F32, &wide);
        self.patch.node(&node.name, Op::Attention(params), inputs, vec![Some(computed)]);
        self.patch.helper(&node.name, Op::Reshape, vec![Some(computed)], result, &node.onnx_nodes);
        Some(self.patch)
    }
}
