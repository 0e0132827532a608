//! Pieces of graph that import functions are made of.

use coulter_plan::ops::{binary, pad, reduce, softmax, unary};
use coulter_plan::{Activation, ActivationKind, DType};

use super::importer::Importer;
use super::node::{Decline, OnnxNode};
use crate::graph::{Op, TensorId, Value};

impl Importer<'_> {
    // ---- what is known

    /// Element type.
    pub(crate) fn dtype(&self, id: TensorId) -> DType {
        self.graph.tensor(id).dtype
    }

    /// Dimensions.
    pub(crate) fn shape(&self, id: TensorId) -> Vec<usize> {
        self.graph.tensor(id).shape.clone()
    }

    /// Number of dimensions.
    pub(crate) fn rank(&self, id: TensorId) -> usize {
        self.graph.tensor(id).shape.len()
    }

    /// Whether the value is known now.
    pub(crate) fn is_constant(&self, id: TensorId) -> bool {
        self.graph.tensor(id).value.is_some()
    }

    /// Input `i` of a node as integers, which must be constants of any integer type; `None` when left out.
    pub(crate) fn const_i64s(&self, node: &OnnxNode<'_>, i: usize) -> Result<Option<Vec<i64>>, Decline> {
        let Some(id) = node.optional(i) else { return Ok(None) };
        let tensor = self.graph.tensor(id);
        let value = tensor.value.as_ref().ok_or_else(|| Decline::fallback(format!("input {i} is not constant")))?;
        match tensor.dtype {
            DType::I64 => Ok(Some(value.to_i64())),
            DType::I32 => {
                let words = value.0.chunks_exact(4);
                Ok(Some(words.map(|b| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect()))
            }
            other => Err(Decline::broken(format!("input {i} is {other}; integers are expected"))),
        }
    }

    /// Integers that are an attribute in old operator sets and a constant input in new ones; `None` when left out.
    pub(crate) fn ints_of(
        &self,
        node: &OnnxNode<'_>,
        attribute: &str,
        input: usize,
    ) -> Result<Option<Vec<i64>>, Decline> {
        match node.ints(attribute)? {
            Some(ints) => Ok(Some(ints.to_vec())),
            None => self.const_i64s(node, input),
        }
    }

    /// The value of a constant of f32, f16 or bf16.
    pub(crate) fn f32s(&self, id: TensorId) -> Option<Vec<f32>> {
        let tensor = self.graph.tensor(id);
        let value = tensor.value.as_ref()?;
        let halves = || value.0.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        match tensor.dtype {
            DType::F32 => Some(value.to_f32()),
            DType::F16 => Some(halves().map(|b| half::f16::from_bits(b).to_f32()).collect()),
            DType::BF16 => Some(halves().map(|b| half::bf16::from_bits(b).to_f32()).collect()),
            _ => None,
        }
    }

    /// The one value of a constant of f32 that has one element.
    pub(crate) fn scalar_f32(&self, id: TensorId) -> Option<f32> {
        match self.f32s(id)?[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// An axis of a tensor of this rank, counted from the end where negative.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Decline> {
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        let found = usize::try_from(counted).ok().filter(|&a| a < rank);
        found.ok_or_else(|| Decline::broken(format!("axis {axis} does not exist in rank {rank}")))
    }

    /// Axes, sorted and each once.
    pub(crate) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Decline> {
        let mut found = axes.iter().map(|&a| self.axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable();
        match found.windows(2).any(|pair| pair[0] == pair[1]) {
            true => Err(Decline::broken(format!("axes {axes:?} name one twice"))),
            false => Ok(found),
        }
    }

    // ---- constants

    /// A constant of `f32`s.
    pub(crate) fn constant_f32(&mut self, shape: &[usize], values: &[f32]) -> TensorId {
        let name = self.made_name();
        self.graph.constant(name, DType::F32, shape, Value::from_f32(values))
    }

    /// A constant of `i64`s.
    pub(crate) fn constant_i64(&mut self, shape: &[usize], values: &[i64]) -> TensorId {
        let name = self.made_name();
        self.graph.constant(name, DType::I64, shape, Value::from_i64(values))
    }

    /// A constant of one element, of any type, of rank `rank`.
    pub(crate) fn scalar(&mut self, value: f64, dtype: DType, rank: usize) -> TensorId {
        let mut bytes = Vec::new();
        let number = match dtype {
            DType::F32 | DType::F16 | DType::BF16 | DType::F64 => super::numbers::Number::Float(value),
            _ => super::numbers::Number::Int(value as i128),
        };
        super::numbers::write(number, dtype, &mut bytes);
        let name = self.made_name();
        self.graph.constant(name, dtype, &vec![1; rank], Value(bytes.into()))
    }

    // ---- moving elements

    /// The same elements in another shape of as many.
    pub(crate) fn reshape(&mut self, x: TensorId, shape: &[usize]) -> Result<TensorId, Decline> {
        let tensor = self.graph.tensor(x);
        if tensor.shape == shape {
            return Ok(x);
        }
        let dtype = tensor.dtype;
        if super::tensors::count(shape, dtype) != Some(tensor.len()) {
            return Err(Decline::broken(format!("{:?} cannot take the shape {shape:?}", tensor.shape)));
        }
        self.emit(Op::Reshape, &[x], dtype, shape)
    }

    /// Output dimension i is input dimension `perm[i]`.
    pub(crate) fn transpose(&mut self, x: TensorId, perm: &[usize]) -> Result<TensorId, Decline> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return Ok(x);
        }
        let (dtype, from) = (self.dtype(x), self.shape(x));
        let shape: Vec<_> = perm.iter().map(|&p| from[p]).collect();
        let id = self.emit(Op::Transpose(perm.to_vec()), &[x], dtype, &shape)?;
        if let Some((name, earlier)) = self.graph.tensor(x).origin.clone() {
            let composed = perm.iter().map(|&p| earlier[p]).collect();
            self.graph.tensors[id.0].origin = Some((name, composed));
        }
        Ok(id)
    }

    /// Repeats dimensions of 1, and puts dimensions before, so that the tensor has this shape.
    pub(crate) fn broadcast_to(&mut self, x: TensorId, shape: &[usize]) -> Result<TensorId, Decline> {
        let x = self.with_rank(x, shape.len())?;
        let (dtype, from) = (self.dtype(x), self.shape(x));
        if from == shape {
            return Ok(x);
        }
        if from.iter().zip(shape).any(|(&a, &b)| a != b && a != 1) {
            return Err(Decline::broken(format!("{from:?} cannot be broadcast to {shape:?}")));
        }
        self.emit(Op::Broadcast, &[x], dtype, shape)
    }

    /// Puts dimensions of 1 before, up to this rank.
    pub(crate) fn with_rank(&mut self, x: TensorId, rank: usize) -> Result<TensorId, Decline> {
        let mut shape = self.shape(x);
        if shape.len() > rank {
            return Err(Decline::broken(format!("{shape:?} cannot be broadcast to rank {rank}")));
        }
        shape.splice(0..0, std::iter::repeat_n(1, rank - shape.len()));
        self.reshape(x, &shape)
    }

    /// Elements `start`, `start + step`, … of one dimension, `count` of them.
    pub(crate) fn slice(
        &mut self,
        x: TensorId,
        axis: usize,
        start: usize,
        count: usize,
        step: isize,
    ) -> Result<TensorId, Decline> {
        let mut shape = self.shape(x);
        if start == 0 && step == 1 && count == shape[axis] {
            return Ok(x);
        }
        let (mut starts, mut steps) = (vec![0; shape.len()], vec![1; shape.len()]);
        (starts[axis], steps[axis], shape[axis]) = (start, step, count);
        let dtype = self.dtype(x);
        self.emit(Op::Slice { start: starts, step: steps }, &[x], dtype, &shape)
    }

    /// One index of a dimension, which goes away.
    pub(crate) fn index(&mut self, x: TensorId, axis: usize, at: usize) -> Result<TensorId, Decline> {
        let cut = self.slice(x, axis, at, 1, 1)?;
        let mut shape = self.shape(cut);
        shape.remove(axis);
        self.reshape(cut, &shape)
    }

    /// Tensors of one type and rank one after another along a dimension.
    pub(crate) fn concat(&mut self, parts: &[TensorId], axis: usize) -> Result<TensorId, Decline> {
        let first = *parts.first().ok_or_else(|| Decline::broken("nothing to concatenate"))?;
        let (dtype, mut shape) = (self.dtype(first), self.shape(first));
        let mut total = 0;
        for &part in parts {
            let mut other = self.shape(part);
            if other.len() != shape.len() || self.dtype(part) != dtype {
                let (found, ty) = (other, self.dtype(part));
                return Err(Decline::broken(format!("{found:?} of {ty} does not go with {shape:?} of {dtype}")));
            }
            total += std::mem::replace(&mut other[axis], shape[axis]);
            if other != shape {
                return Err(Decline::broken(format!("{:?} does not go with {shape:?}", self.shape(part))));
            }
        }
        if parts.len() == 1 {
            return Ok(first);
        }
        shape[axis] = total;
        self.emit(Op::Concat(axis), parts, dtype, &shape)
    }

    /// Puts `before` and `after` elements around each dimension; `value` is the bits of the constant.
    pub(crate) fn pad(
        &mut self,
        x: TensorId,
        mode: pad::Mode,
        value: [u32; 2],
        before: &[usize],
        after: &[usize],
    ) -> Result<TensorId, Decline> {
        if before.iter().chain(after).all(|&n| n == 0) {
            return Ok(x);
        }
        let dtype = self.dtype(x);
        let from = self.shape(x);
        let grown = from.iter().zip(before.iter().zip(after)).map(|(&d, (&b, &a))| d.checked_add(b)?.checked_add(a));
        let shape: Option<Vec<usize>> = grown.collect();
        let shape = shape.ok_or_else(|| Decline::broken("padding without end"))?;
        let mut amounts = [0; coulter_plan::MAX_RANK];
        for (amount, &n) in amounts.iter_mut().zip(before) {
            *amount = u32::try_from(n).map_err(|_| Decline::broken(format!("padding of {n}")))?;
        }
        self.emit(Op::Pad(pad::Params { mode, value, before: amounts }), &[x], dtype, &shape)
    }

    // ---- computing

    /// Another element type.
    pub(crate) fn cast(&mut self, x: TensorId, dtype: DType) -> Result<TensorId, Decline> {
        if self.dtype(x) == dtype {
            return Ok(x);
        }
        let shape = self.shape(x);
        self.emit(Op::Cast, &[x], dtype, &shape)
    }

    /// A function of each element, f32.
    pub(crate) fn unary(&mut self, x: TensorId, function: Activation) -> Result<TensorId, Decline> {
        self.expect_dtype(x, DType::F32)?;
        let shape = self.shape(x);
        self.emit(Op::Unary(unary::Params { function }), &[x], DType::F32, &shape)
    }

    /// As [`Importer::unary`], of a function without constants.
    pub(crate) fn function(&mut self, x: TensorId, kind: ActivationKind) -> Result<TensorId, Decline> {
        self.unary(x, Activation::new(kind))
    }

    /// a·x + b
    pub(crate) fn affine(&mut self, x: TensorId, a: f32, b: f32) -> Result<TensorId, Decline> {
        if a == 1.0 && b == 0.0 {
            return Ok(x);
        }
        self.unary(x, Activation { kind: ActivationKind::Affine, a, b })
    }

    /// The shape to which two or more shapes broadcast.
    pub(crate) fn broadcast_shape(&self, operands: &[TensorId]) -> Result<Vec<usize>, Decline> {
        let rank = operands.iter().map(|&id| self.rank(id)).max().unwrap_or(0);
        let mut shape = vec![1; rank];
        for &id in operands {
            let dims = &self.graph.tensor(id).shape;
            for (to, &d) in shape[rank - dims.len()..].iter_mut().zip(dims) {
                if *to == 1 {
                    *to = d;
                } else if d != 1 && d != *to {
                    let shapes: Vec<_> = operands.iter().map(|&id| self.shape(id)).collect();
                    return Err(Decline::broken(format!("{shapes:?} cannot be broadcast together")));
                }
            }
        }
        Ok(shape)
    }

    /// A function of two tensors of one type that the plan's operator takes, broadcast as in numpy.
    pub(crate) fn binary(&mut self, kind: binary::Kind, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        let dtype = self.dtype(a);
        self.expect_dtype(b, dtype)?;
        let shape = self.broadcast_shape(&[a, b])?;
        let (a, b) = (self.with_rank(a, shape.len())?, self.with_rank(b, shape.len())?);
        let given = if kind.is_comparison() { DType::Bool } else { dtype };
        let params = binary::Params { kind, activation: Activation::IDENTITY };
        self.emit(Op::Binary(params), &[a, b], given, &shape)
    }

    /// As [`Importer::binary`], of any type whose values an operator of the plan can take: half floats are computed as
    /// f32, small integers as larger ones and cut back, u64 as i64. The result has the operands' type, or is bool.
    pub(crate) fn elementwise(&mut self, kind: binary::Kind, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        let dtype = self.dtype(a);
        if self.dtype(b) != dtype {
            return Err(Decline::broken(format!("operands of {dtype} and {}", self.dtype(b))));
        }
        if dtype == DType::U64 {
            return self.of_u64(kind, a, b);
        }
        let (a, b) = (self.arithmetic(a)?, self.arithmetic(b)?);
        let y = self.binary(kind, a, b)?;
        if kind.is_comparison() { Ok(y) } else { self.cast(y, dtype) }
    }

    /// Sums and products of u64 are those of i64; moved by 2⁶³, they are also in i64's order.
    fn of_u64(&mut self, kind: binary::Kind, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        use binary::Kind;
        let ordered = match kind {
            Kind::Add | Kind::Sub | Kind::Mul | Kind::Equal => false,
            Kind::Min | Kind::Max | Kind::Less | Kind::LessEqual | Kind::Greater | Kind::GreaterEqual => true,
            _ => return Err(Decline::fallback(format!("{kind:?} of u64 has no native form"))),
        };
        let middle = self.scalar(i64::MIN as f64, DType::I64, 0);
        let mut operands = [a, b];
        for operand in &mut operands {
            *operand = self.cast(*operand, DType::I64)?;
            if ordered {
                *operand = self.binary(Kind::Add, *operand, middle)?;
            }
        }
        let mut y = self.binary(kind, operands[0], operands[1])?;
        if kind.is_comparison() {
            return Ok(y);
        }
        if ordered {
            y = self.binary(Kind::Sub, y, middle)?;
        }
        self.cast(y, DType::U64)
    }

    /// condition ? a : b, broadcast as in numpy.
    pub(crate) fn select(&mut self, condition: TensorId, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
        let dtype = self.dtype(a);
        self.expect_dtype(b, dtype)?;
        self.expect_dtype(condition, DType::Bool)?;
        let shape = self.broadcast_shape(&[condition, a, b])?;
        let mut operands = [condition, a, b];
        for operand in &mut operands {
            *operand = self.with_rank(*operand, shape.len())?;
        }
        self.emit(Op::Select, &operands, dtype, &shape)
    }

    /// A reduction; with `keep`, reduced dimensions stay as 1.
    pub(crate) fn reduce(
        &mut self,
        kind: reduce::Kind,
        x: TensorId,
        axes: &[usize],
        keep: bool,
    ) -> Result<TensorId, Decline> {
        let dtype = self.dtype(x);
        if !kind.takes(dtype) {
            return Err(Decline::fallback(format!("{kind:?} of {dtype} has no native form")));
        }
        let mut shape = self.shape(x);
        let mut mask = 0;
        for &axis in axes {
            shape[axis] = 1;
            mask |= 1_u32 << axis;
        }
        let params = reduce::Params { kind, axes: mask, activation: Activation::IDENTITY };
        let given = if kind.is_index() { DType::I64 } else { dtype };
        let reduced = self.emit(Op::Reduce(params), &[x], given, &shape)?;
        if keep {
            return Ok(reduced);
        }
        let kept: Vec<_> = shape.iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, &d)| d).collect();
        self.reshape(reduced, &kept)
    }

    /// Softmax, or its logarithm, over one dimension, f32.
    pub(crate) fn softmax(&mut self, x: TensorId, axis: usize, log: bool) -> Result<TensorId, Decline> {
        self.expect_dtype(x, DType::F32)?;
        let rank = self.rank(x);
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis, rank - 1);
        let moved = self.transpose(x, &perm)?;
        let shape = self.shape(moved);
        let y = self.emit(Op::Softmax(softmax::Params { log }), &[moved], DType::F32, &shape)?;
        self.transpose(y, &perm)
    }

    /// Fails with a fallback unless the elements are of this type.
    pub(crate) fn expect_dtype(&self, x: TensorId, dtype: DType) -> Result<(), Decline> {
        let found = self.dtype(x);
        if found == dtype { Ok(()) } else { Err(Decline::fallback(format!("{found} where {dtype} is native"))) }
    }

    /// Half floats as f32, other types as they are; and the type to go back to with [`Importer::cast`].
    pub(crate) fn widened(&mut self, x: TensorId) -> Result<(TensorId, DType), Decline> {
        let dtype = self.dtype(x);
        let wide = if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype };
        Ok((self.cast(x, wide)?, dtype))
    }

    /// The operands of an arithmetic operator in the type of ours that holds their values, results included when
    /// they are cut back: half floats as f32, small integers as i32, u32 as i64.
    pub(crate) fn arithmetic(&mut self, x: TensorId) -> Result<TensorId, Decline> {
        let wide = match self.dtype(x) {
            DType::F16 | DType::BF16 => DType::F32,
            DType::I8 | DType::U8 | DType::I16 | DType::U16 => DType::I32,
            DType::U32 => DType::I64,
            DType::U64 | DType::F64 => {
                return Err(Decline::fallback(format!("arithmetic of {} is not native", self.dtype(x))));
            }
            other => other,
        };
        self.cast(x, wide)
    }
}
