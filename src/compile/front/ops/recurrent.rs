//! Recurrent layers.
//!
//! With constant weights each direction is one operation. Weights that are computed, or sequences of different lengths,
//! take the layer apart into its steps.

use std::ops::Range;

use coulter_plan::ops::binary::Kind as Binary;
use coulter_plan::ops::recurrent::{Kind, Params};
use coulter_plan::{Activation, ActivationKind, DType};

use super::products;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode};
use crate::graph::{Op, TensorId};

/// Most steps that a layer is taken apart into.
const MAX_STEPS: usize = 128;

/// LSTM, GRU and RNN.
pub(super) fn recurrent(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let layer = Layer::read(importer, node)?;
    let mut given: [Vec<TensorId>; 3] = Default::default();
    for direction in 0..layer.directions.len() {
        let outputs = layer.direction(importer, direction)?;
        for (all, one) in given.iter_mut().zip(outputs) {
            all.extend(one);
        }
    }
    let [y, h, c] = given;
    let mut outputs = Vec::new();
    for (i, parts) in [y, h, c].into_iter().enumerate() {
        let states = i > 0;
        outputs.push(if parts.is_empty() { None } else { Some(layer.joined(importer, &parts, states)?) });
    }
    Ok(outputs)
}

/// A node's attributes and operands. T steps, B sequences, I inputs, H hidden elements, G gates, D directions.
struct Layer<'n, 'a> {
    node: &'n OnnxNode<'a>,
    kind: Kind,
    /// Whether batches come first.
    batch_first: bool,
    linear_before_reset: bool,
    clip: f32,
    /// For each direction, whether it is walked from the end, and its functions.
    directions: Vec<(bool, [Activation; 3])>,
    /// `[T, B, I]` of f32.
    x: TensorId,
    steps: usize,
    batch: usize,
    hidden: usize,
    /// Type of the operands.
    dtype: DType,
    /// `[B]`, where sequences are not as long as x.
    lengths: Option<TensorId>,
    /// Which outputs are wanted.
    wanted: [bool; 3],
}

impl<'n, 'a> Layer<'n, 'a> {
    fn read(importer: &mut Importer<'_>, node: &'n OnnxNode<'a>) -> Result<Self, Decline> {
        let kind = match node.op() {
            "LSTM" => Kind::Lstm,
            "GRU" => Kind::Gru,
            _ => Kind::Rnn,
        };
        if node.flag("input_forget")? {
            return Err(refused("input and forget gates are coupled"));
        }
        let batch_first = node.flag("layout")?;
        let (x, dtype) = importer.widened(node.input(0)?)?;
        importer.expect_dtype(x, DType::F32).map_err(|_| refused(&format!("it computes in {dtype}")))?;
        if importer.rank(x) != 3 {
            return Err(Decline::broken(format!("the input has the shape {:?}", importer.shape(x))));
        }
        let x = if batch_first { importer.transpose(x, &[1, 0, 2])? } else { x };
        let (shape, of_r) = (importer.shape(x), importer.shape(node.input(2)?));
        let (steps, batch) = (shape[0], shape[1]);
        let &[_, _, hidden] = &of_r[..] else {
            return Err(Decline::broken(format!("the recurrent weights have the shape {of_r:?}")));
        };
        let directions = directions(node, kind)?;
        let clip = node.float("clip")?.filter(|&clip| clip > 0.0).unwrap_or(f32::INFINITY);
        let layer = Self {
            node,
            kind,
            batch_first,
            linear_before_reset: kind == Kind::Gru && node.flag("linear_before_reset")?,
            clip,
            directions,
            x,
            steps,
            batch,
            hidden,
            dtype,
            lengths: lengths(importer, node, steps)?,
            wanted: [0, 1, 2].map(|i| node.wants(i)),
        };
        layer.check(importer, shape[2])?;
        Ok(layer)
    }

    /// The operands' shapes.
    fn check(&self, importer: &Importer<'_>, width: usize) -> Result<(), Decline> {
        let (d, g) = (self.directions.len(), self.kind.gates() as usize);
        let &Self { hidden, batch, .. } = self;
        if hidden == 0 || g.checked_mul(hidden).is_none() {
            return Err(Decline::broken(format!("a hidden size of {hidden}")));
        }
        let state = if self.batch_first { [batch, d, hidden] } else { [d, batch, hidden] };
        let expected: [(usize, &[usize]); 7] = [
            (1, &[d, g * hidden, width]),
            (2, &[d, g * hidden, hidden]),
            (3, &[d, 2 * g * hidden]),
            (4, &[batch]),
            (5, &state),
            (6, &state),
            (7, &[d, 3 * hidden]),
        ];
        for (i, expected) in expected {
            let found = self.node.optional(i).map(|id| importer.shape(id));
            if found.as_ref().is_some_and(|found| found != expected) {
                return Err(Decline::broken(format!("input {i} has the shape {found:?}; {expected:?} is expected")));
            }
        }
        let only_lstm = self.node.optional(6).is_some() || self.node.optional(7).is_some() || self.wanted[2];
        if self.kind != Kind::Lstm && only_lstm {
            return Err(Decline::broken("only an LSTM has a cell"));
        }
        Ok(())
    }

    /// The part of operand `i` that belongs to a direction, without that dimension.
    fn part(&self, importer: &mut Importer<'_>, i: usize, direction: usize) -> Result<Option<TensorId>, Decline> {
        let Some(whole) = self.node.optional(i) else { return Ok(None) };
        let (whole, _) = importer.widened(whole)?;
        importer.expect_dtype(whole, DType::F32).map_err(|_| refused("operands are of different types"))?;
        let axis = usize::from(self.batch_first && (i == 5 || i == 6));
        importer.index(whole, axis, direction).map(Some)
    }

    /// y `[T, B, H]`, h and c `[B, H]` of one direction, as far as they are wanted.
    fn direction(&self, importer: &mut Importer<'_>, direction: usize) -> Result<[Option<TensorId>; 3], Decline> {
        let required = || Decline::broken("weights are missing");
        let w = self.part(importer, 1, direction)?.ok_or_else(required)?;
        let r = self.part(importer, 2, direction)?.ok_or_else(required)?;
        let bias = self.part(importer, 3, direction)?;
        let (reverse, activations) = self.directions[direction];
        let cell = Cell {
            layer: self,
            reverse,
            activations,
            w: importer.transpose(w, &[1, 0])?,
            r: importer.transpose(r, &[1, 0])?,
            bias: self.bias(importer, bias)?,
            h0: self.part(importer, 5, direction)?,
            c0: self.part(importer, 6, direction)?,
            peephole: self.part(importer, 7, direction)?,
        };
        let constant = [cell.w, cell.r, cell.bias].iter().all(|&id| importer.is_constant(id));
        if constant && self.lengths.is_none() && self.steps > 0 {
            cell.operation(importer)
        } else if self.steps <= MAX_STEPS {
            cell.apart(importer)
        } else {
            let steps = self.steps;
            Err(refused(&format!("its weights or the lengths of its sequences are computed, and it has {steps} steps")))
        }
    }

    /// Input and recurrent bias added, GRU's hidden gate's recurrent one behind: `[G·H]` or `[4·H]`.
    fn bias(&self, importer: &mut Importer<'_>, both: Option<TensorId>) -> Result<TensorId, Decline> {
        let (columns, hidden) = (self.kind.gates() as usize * self.hidden, self.hidden);
        let apart = if self.kind == Kind::Gru { hidden } else { 0 };
        let Some(both) = both else {
            return Ok(importer.constant_f32(&[columns + apart], &vec![0.0; columns + apart]));
        };
        let added = columns - apart;
        let of_x = importer.slice(both, 0, 0, added, 1)?;
        let of_h = importer.slice(both, 0, columns, added, 1)?;
        let sum = importer.binary(Binary::Add, of_x, of_h)?;
        if apart == 0 {
            return Ok(sum);
        }
        let of_x = importer.slice(both, 0, added, hidden, 1)?;
        let of_h = importer.slice(both, 0, columns + added, hidden, 1)?;
        importer.concat(&[sum, of_x, of_h], 0)
    }

    /// An output of all directions: states `[D, B, H]`, or all steps' `[T, D, B, H]`, batches first where wanted.
    fn joined(&self, importer: &mut Importer<'_>, parts: &[TensorId], states: bool) -> Result<TensorId, Decline> {
        let axis = usize::from(!states);
        let mut apart = Vec::new();
        for &part in parts {
            let mut shape = importer.shape(part);
            shape.insert(axis, 1);
            apart.push(importer.reshape(part, &shape)?);
        }
        let whole = importer.concat(&apart, axis)?;
        let whole = match (self.batch_first, states) {
            (false, _) => whole,
            (true, true) => importer.transpose(whole, &[1, 0, 2])?,
            (true, false) => importer.transpose(whole, &[2, 0, 1, 3])?,
        };
        importer.cast(whole, self.dtype)
    }
}

/// A case that nobody can run: tract leaves out what it does not know of these operators.
fn refused(reason: &str) -> Decline {
    Decline::problem(format!("{reason}, which has no native form"), crate::front::distrust::REPLACE)
}

/// For each direction whether it is walked from the end, and its functions f, g and h.
fn directions(node: &OnnxNode<'_>, kind: Kind) -> Result<Vec<(bool, [Activation; 3])>, Decline> {
    let reverse: &[bool] = match node.string_or("direction", "forward")? {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(Decline::broken(format!("direction {other:?}"))),
    };
    let defaults: &[&str] = match kind {
        Kind::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        Kind::Gru => &["Sigmoid", "Tanh"],
        Kind::Rnn => &["Tanh"],
    };
    let names = node.strings("activations")?.unwrap_or_else(|| defaults.repeat(reverse.len()));
    if names.len() != defaults.len() * reverse.len() {
        return Err(Decline::broken(format!("{} activations", names.len())));
    }
    let constants = |name| Ok::<_, Decline>(node.floats(name)?.unwrap_or_default().iter().copied());
    let (mut alphas, mut betas) = (constants("activation_alpha")?, constants("activation_beta")?);
    let mut functions = Vec::new();
    for name in names {
        functions.push(function(name, &mut alphas, &mut betas)?);
    }
    let of_direction = |functions: &[Activation]| {
        let mut all = [Activation::IDENTITY; 3];
        all[..functions.len()].copy_from_slice(functions);
        all
    };
    Ok(reverse.iter().copied().zip(functions.chunks(defaults.len()).map(of_direction)).collect())
}

/// A function by its name. Those that have constants take the next ones.
fn function(
    name: &str,
    alphas: &mut impl Iterator<Item = f32>,
    betas: &mut impl Iterator<Item = f32>,
) -> Result<Activation, Decline> {
    use ActivationKind as F;
    let mut with = |kind, a: f32, b: Option<f32>| Activation {
        kind,
        a: alphas.next().unwrap_or(a),
        b: b.map_or(0.0, |b| betas.next().unwrap_or(b)),
    };
    Ok(match name.to_ascii_lowercase().as_str() {
        "sigmoid" => Activation::new(F::Sigmoid),
        "tanh" => Activation::new(F::Tanh),
        "relu" => Activation::RELU,
        "softsign" => Activation::new(F::Softsign),
        "softplus" => Activation::new(F::Softplus),
        "affine" => with(F::Affine, 1.0, Some(0.0)),
        "hardsigmoid" => with(F::HardSigmoid, 0.2, Some(0.5)),
        "leakyrelu" => with(F::LeakyRelu, 0.01, None),
        "thresholdedrelu" => with(F::ThresholdedRelu, 1.0, None),
        "elu" => with(F::Elu, 1.0, None),
        _ => return Err(refused(&format!("the activation {name}"))),
    })
}

/// The lengths of the sequences, unless they are all T.
fn lengths(importer: &Importer<'_>, node: &OnnxNode<'_>, steps: usize) -> Result<Option<TensorId>, Decline> {
    let Some(id) = node.optional(4) else { return Ok(None) };
    if !importer.is_constant(id) {
        return Ok(Some(id));
    }
    let lengths = importer.const_i64s(node, 4)?.unwrap_or_default();
    if lengths.iter().any(|&len| !usize::try_from(len).is_ok_and(|len| len <= steps)) {
        return Err(Decline::broken(format!("sequences of {lengths:?} in {steps} steps")));
    }
    Ok(lengths.iter().any(|&len| len != steps as i64).then_some(id))
}

/// One direction.
struct Cell<'l, 'n, 'a> {
    layer: &'l Layer<'n, 'a>,
    reverse: bool,
    activations: [Activation; 3],
    /// `[I, G·H]`
    w: TensorId,
    /// `[H, G·H]`
    r: TensorId,
    /// See [`Layer::bias`].
    bias: TensorId,
    /// `[B, H]`
    h0: Option<TensorId>,
    /// `[B, H]`
    c0: Option<TensorId>,
    /// `[3·H]`
    peephole: Option<TensorId>,
}

impl Cell<'_, '_, '_> {
    /// As one operation.
    fn operation(&self, importer: &mut Importer<'_>) -> Result<[Option<TensorId>; 3], Decline> {
        let &Layer { kind, linear_before_reset, clip, steps, batch, hidden, wanted, .. } = self.layer;
        let params = Params { kind, reverse: self.reverse, linear_before_reset, activations: self.activations, clip };
        let [w, r, bias] = [self.w, self.r, self.bias].map(Some);
        let inputs = [Some(self.layer.x), w, r, bias, self.h0, self.c0, self.peephole];
        let shapes = [vec![steps, batch, hidden], vec![batch, hidden], vec![batch, hidden]];
        let count = if kind == Kind::Lstm { 3 } else { 2 };
        let outputs: Vec<_> =
            wanted.into_iter().zip(shapes).take(count).map(|(wanted, s)| wanted.then_some((DType::F32, s))).collect();
        let made = importer.emit_many(Op::Recurrent(params), &inputs, &outputs)?;
        Ok([0, 1, 2].map(|i| made.get(i).copied().flatten()))
    }

    /// As operations for each step.
    fn apart(&self, importer: &mut Importer<'_>) -> Result<[Option<TensorId>; 3], Decline> {
        let &Layer { kind, x, steps, batch, hidden, wanted, lengths, .. } = self.layer;
        let columns = kind.gates() as usize * hidden;
        let from_x = products::product(importer, x, self.w)?;
        let bias = importer.slice(self.bias, 0, 0, columns, 1)?;
        let from_x = importer.binary(Binary::Add, from_x, bias)?;
        let zeros = importer.constant_f32(&[batch, hidden], &vec![0.0; batch * hidden]);
        let (mut h, mut c) = (self.h0.unwrap_or(zeros), self.c0.unwrap_or(zeros));
        let mut all = vec![zeros; steps];
        for i in 0..steps {
            let t = if self.reverse { steps - 1 - i } else { i };
            let gates = importer.index(from_x, 0, t)?;
            let (next_h, next_c) = match kind {
                Kind::Rnn => (self.rnn(importer, gates, h)?, c),
                Kind::Gru => (self.gru(importer, gates, h)?, c),
                Kind::Lstm => self.lstm(importer, gates, h, c)?,
            };
            let runs = lengths.map(|lengths| self.runs(importer, lengths, t)).transpose()?;
            all[t] = match runs {
                Some(runs) => importer.select(runs, next_h, zeros)?,
                None => next_h,
            };
            (h, c) = match runs {
                Some(runs) if kind == Kind::Lstm => {
                    (importer.select(runs, next_h, h)?, importer.select(runs, next_c, c)?)
                }
                Some(runs) => (importer.select(runs, next_h, h)?, c),
                None => (next_h, next_c),
            };
        }
        let mut y = None;
        if wanted[0] {
            let mut rows = Vec::new();
            for step in all {
                rows.push(importer.reshape(step, &[1, batch, hidden])?);
            }
            y = Some(match rows.is_empty() {
                true => importer.constant_f32(&[0, batch, hidden], &[]),
                false => importer.concat(&rows, 0)?,
            });
        }
        Ok([y, wanted[1].then_some(h), wanted[2].then_some(c)])
    }

    /// `[B, 1]`: whether each sequence has step `t`.
    fn runs(&self, importer: &mut Importer<'_>, lengths: TensorId, t: usize) -> Result<TensorId, Decline> {
        let lengths = importer.cast(lengths, DType::I64)?;
        let lengths = importer.reshape(lengths, &[self.layer.batch, 1])?;
        let step = importer.scalar(t as f64, DType::I64, 2);
        importer.binary(Binary::Less, step, lengths)
    }

    /// Gates `gates` of a row of gates.
    fn gate(&self, importer: &mut Importer<'_>, row: TensorId, gates: Range<usize>) -> Result<TensorId, Decline> {
        let hidden = self.layer.hidden;
        importer.slice(row, 1, gates.start * hidden, gates.len() * hidden, 1)
    }

    /// Gates `gates` of the product of the state and r.
    fn recurrent_product(
        &self,
        importer: &mut Importer<'_>,
        h: TensorId,
        gates: Range<usize>,
    ) -> Result<TensorId, Decline> {
        let hidden = self.layer.hidden;
        let r = importer.slice(self.r, 1, gates.start * hidden, gates.len() * hidden, 1)?;
        products::product(importer, h, r)
    }

    /// Function `which` of a gate, bounded by the clip.
    fn activate(&self, importer: &mut Importer<'_>, which: usize, gate: TensorId) -> Result<TensorId, Decline> {
        let clip = self.layer.clip;
        let bounded = match clip < f32::INFINITY {
            true => importer.unary(gate, Activation { kind: ActivationKind::Clamp, a: -clip, b: clip })?,
            false => gate,
        };
        importer.unary(bounded, self.activations[which])
    }

    /// y + a·b
    fn add_product(
        &self,
        importer: &mut Importer<'_>,
        y: TensorId,
        a: TensorId,
        b: TensorId,
    ) -> Result<TensorId, Decline> {
        let product = importer.binary(Binary::Mul, a, b)?;
        importer.binary(Binary::Add, y, product)
    }

    fn rnn(&self, importer: &mut Importer<'_>, gates: TensorId, h: TensorId) -> Result<TensorId, Decline> {
        let from_h = self.recurrent_product(importer, h, 0..1)?;
        let sum = importer.binary(Binary::Add, gates, from_h)?;
        self.activate(importer, 0, sum)
    }

    fn gru(&self, importer: &mut Importer<'_>, gates: TensorId, h: TensorId) -> Result<TensorId, Decline> {
        let hidden = self.layer.hidden;
        let from_h = self.recurrent_product(importer, h, 0..2)?;
        let of_x = self.gate(importer, gates, 0..2)?;
        let sum = importer.binary(Binary::Add, of_x, from_h)?;
        let both = self.activate(importer, 0, sum)?;
        let (update, reset) = (self.gate(importer, both, 0..1)?, self.gate(importer, both, 1..2)?);
        let bias = importer.slice(self.bias, 0, 3 * hidden, hidden, 1)?;
        let of_x = self.gate(importer, gates, 2..3)?;
        let sum = if self.layer.linear_before_reset {
            let from_h = self.recurrent_product(importer, h, 2..3)?;
            let from_h = importer.binary(Binary::Add, from_h, bias)?;
            self.add_product(importer, of_x, reset, from_h)?
        } else {
            let reset = importer.binary(Binary::Mul, reset, h)?;
            let from_h = self.recurrent_product(importer, reset, 2..3)?;
            let from_h = importer.binary(Binary::Add, from_h, bias)?;
            importer.binary(Binary::Add, of_x, from_h)?
        };
        let gate = self.activate(importer, 1, sum)?;
        let rest = importer.affine(update, -1.0, 1.0)?;
        let fresh = importer.binary(Binary::Mul, rest, gate)?;
        self.add_product(importer, fresh, update, h)
    }

    fn lstm(
        &self,
        importer: &mut Importer<'_>,
        gates: TensorId,
        h: TensorId,
        c: TensorId,
    ) -> Result<(TensorId, TensorId), Decline> {
        let from_h = self.recurrent_product(importer, h, 0..4)?;
        let sum = importer.binary(Binary::Add, gates, from_h)?;
        let i = self.peeping(importer, sum, 0, 0, c)?;
        let f = self.peeping(importer, sum, 2, 2, c)?;
        let g = self.gate(importer, sum, 3..4)?;
        let g = self.activate(importer, 1, g)?;
        let fresh = importer.binary(Binary::Mul, i, g)?;
        let c = self.add_product(importer, fresh, f, c)?;
        let o = self.peeping(importer, sum, 1, 1, c)?;
        let shown = importer.unary(c, self.activations[2])?;
        Ok((importer.binary(Binary::Mul, o, shown)?, c))
    }

    /// f of a gate of a row of sums, to which the cell adds through peephole `at`.
    fn peeping(
        &self,
        importer: &mut Importer<'_>,
        sum: TensorId,
        gate: usize,
        at: usize,
        c: TensorId,
    ) -> Result<TensorId, Decline> {
        let mut gate = self.gate(importer, sum, gate..gate + 1)?;
        if let Some(peephole) = self.peephole {
            let p = importer.slice(peephole, 0, at * self.layer.hidden, self.layer.hidden, 1)?;
            gate = self.add_product(importer, gate, p, c)?;
        }
        self.activate(importer, 0, gate)
    }
}
