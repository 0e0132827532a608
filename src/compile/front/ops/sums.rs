//! Sums of products: running sums and EinSum.

use coulter_plan::DType;
use coulter_plan::ops::binary::Kind as Binary;
use coulter_plan::ops::pad;
use coulter_plan::ops::reduce::Kind as Reduce;

use super::products;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// Longest dimension whose running sums are a product with a triangle of ones.
const MAX_LENGTH: usize = 1024;

/// CumSum: of floats a product with a triangle of ones; of integers, which must be exact, sums over 2, 4, 8, … places.
pub(super) fn cumulative(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let axes = importer.const_i64s(node, 1)?.ok_or_else(|| Decline::broken("input 1 is missing"))?;
    let &[axis] = &axes[..] else { return Err(Decline::broken(format!("axes {axes:?}"))) };
    let axis = importer.axis(axis, importer.rank(x))?;
    let (exclusive, reverse) = (node.flag("exclusive")?, node.flag("reverse")?);
    let length = importer.shape(x)[axis];
    let y = match importer.dtype(x) {
        DType::F32 if (1..=MAX_LENGTH).contains(&length) => triangle(importer, x, axis, exclusive, reverse)?,
        DType::F32 | DType::I32 | DType::I64 => doubling(importer, x, axis, exclusive, reverse)?,
        other => return Err(Decline::fallback(format!("running sums of {other} have no native form"))),
    };
    one(importer.cast(y, dtype)?)
}

/// Running sums as a product with ones where an element counts.
fn triangle(
    importer: &mut Importer<'_>,
    x: TensorId,
    axis: usize,
    exclusive: bool,
    reverse: bool,
) -> Result<TensorId, Decline> {
    let (rank, length) = (importer.rank(x), importer.shape(x)[axis]);
    let counts = |from: usize, to: usize| {
        let (from, to) = if reverse { (to, from) } else { (from, to) };
        if exclusive { from < to } else { from <= to }
    };
    let ones: Vec<f32> =
        (0..length * length).map(|at| if counts(at / length, at % length) { 1.0 } else { 0.0 }).collect();
    let ones = importer.constant_f32(&[length, length], &ones);
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(axis, rank - 1);
    let moved = importer.transpose(x, &perm)?;
    let sums = products::product(importer, moved, ones)?;
    importer.transpose(sums, &perm)
}

/// Running sums by adding what lies 1, 2, 4, … places before.
fn doubling(
    importer: &mut Importer<'_>,
    x: TensorId,
    axis: usize,
    exclusive: bool,
    reverse: bool,
) -> Result<TensorId, Decline> {
    let length = importer.shape(x)[axis];
    let mut sums = if exclusive && length > 0 { moved(importer, x, axis, 1, reverse)? } else { x };
    let mut places = 1;
    while places < length {
        let before = moved(importer, sums, axis, places, reverse)?;
        sums = importer.binary(Binary::Add, sums, before)?;
        places *= 2;
    }
    Ok(sums)
}

/// Elements moved towards the end, or the beginning, by so many places, no more than there are; zeros take theirs.
fn moved(
    importer: &mut Importer<'_>,
    x: TensorId,
    axis: usize,
    places: usize,
    towards_beginning: bool,
) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    let (none, mut zeros) = (vec![0; shape.len()], vec![0; shape.len()]);
    zeros[axis] = places;
    let first = if towards_beginning { places } else { 0 };
    let kept = importer.slice(x, axis, first, shape[axis] - places, 1)?;
    let (before, after) = if towards_beginning { (&none, &zeros) } else { (&zeros, &none) };
    importer.pad(kept, pad::Mode::Constant, [0; 2], before, after)
}

/// EinSum of any number of operands, two at a time.
pub(super) fn einsum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let equation = node.string("equation")?.ok_or_else(|| Decline::broken("attribute equation is missing"))?;
    let mut operands = Vec::new();
    let dtype = importer.dtype(node.input(0)?);
    for id in node.all_inputs()? {
        let (id, _) = importer.widened(id)?;
        importer.expect_dtype(id, DType::F32)?;
        operands.push(id);
    }
    let (terms, wanted) = parse(importer, equation, &operands)?;
    let mut terms: Vec<Term> = operands.into_iter().zip(terms).map(|(id, labels)| Term { id, labels }).collect();
    for term in &mut terms {
        term.take_diagonals(importer)?;
    }
    let mut done = terms.remove(0);
    for i in 0..terms.len() {
        let later: Vec<char> = terms[i + 1..].iter().flat_map(|t| t.labels.clone()).chain(wanted.clone()).collect();
        done = done.times(importer, terms[i].clone(), &later)?;
    }
    done.sum_out(importer, &wanted)?;
    let y = done.ordered(importer, &wanted)?;
    one(importer.cast(y, dtype)?)
}

/// Labels of each operand's dimensions, and those of the result. Dimensions of `...` are labelled by digits.
fn parse(
    importer: &Importer<'_>,
    equation: &str,
    operands: &[TensorId],
) -> Result<(Vec<Vec<char>>, Vec<char>), Decline> {
    let broken = || Decline::broken(format!("the equation {equation:?} does not go with its operands"));
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = text.split_once("->").map_or((&text[..], None), |(left, right)| (left, Some(right)));
    let mut terms = Vec::new();
    let mut most = 0;
    for (term, &id) in left.split(',').zip(operands) {
        let rank = importer.rank(id);
        let named = term.replace("...", "").chars().count();
        let rest = rank.checked_sub(named).ok_or_else(broken)?;
        if rest > 0 && !term.contains("...") || rest > 9 {
            return Err(broken());
        }
        most = most.max(rest);
        terms.push(labels(term, rest));
    }
    if terms.len() != operands.len() || left.split(',').count() != operands.len() || terms.is_empty() {
        return Err(broken());
    }
    let all: Vec<char> = terms.iter().flatten().copied().collect();
    let wanted = match right {
        Some(right) => labels(right, most),
        None => {
            let mut once: Vec<char> =
                all.iter().copied().filter(|c| all.iter().filter(|d| *d == c).count() == 1).collect();
            once.retain(|c| !c.is_ascii_digit());
            once.sort_unstable();
            labels("...", most).into_iter().chain(once).collect()
        }
    };
    let sound = all.iter().all(|c| c.is_ascii_alphanumeric())
        && wanted.iter().enumerate().all(|(i, c)| all.contains(c) && !wanted[..i].contains(c));
    if sound { Ok((terms, wanted)) } else { Err(broken()) }
}

/// The labels of a term, `...` being the digits below `rest`, the last dimension 0.
fn labels(term: &str, rest: usize) -> Vec<char> {
    let digits: String = (0..rest as u32).rev().filter_map(|d| char::from_digit(d, 10)).collect();
    term.replace("...", &digits).chars().collect()
}

/// A tensor whose dimensions have names.
#[derive(Clone)]
struct Term {
    id: TensorId,
    labels: Vec<char>,
}

impl Term {
    fn place(&self, label: char) -> Option<usize> {
        self.labels.iter().position(|&l| l == label)
    }

    /// Keeps, of two dimensions of one name, the elements at which they agree.
    fn take_diagonals(&mut self, importer: &mut Importer<'_>) -> Result<(), Decline> {
        while let Some((i, j)) = self.repeated() {
            let shape = importer.shape(self.id);
            let (n, rank) = (shape[i], shape.len());
            if shape[j] != n {
                return Err(Decline::broken(format!("dimensions {n} and {} have one name", shape[j])));
            }
            // Moved to the end and flattened, the diagonal is every (n + 1)th of n² elements.
            let mut perm: Vec<usize> = (0..rank).filter(|&d| d != i && d != j).collect();
            let mut kept: Vec<usize> = perm.iter().map(|&d| shape[d]).collect();
            perm.extend([i, j]);
            let moved = importer.transpose(self.id, &perm)?;
            kept.push(n * n);
            let flat = importer.reshape(moved, &kept)?;
            self.id = importer.slice(flat, rank - 2, 0, n, n as isize + 1)?;
            let label = self.labels[i];
            self.labels.retain(|&l| l != label);
            self.labels.push(label);
        }
        Ok(())
    }

    /// Two dimensions of one name; a third would have been the second's diagonal.
    fn repeated(&self) -> Option<(usize, usize)> {
        let of = |(i, label): (usize, &char)| self.labels[..i].iter().position(|l| l == label).map(|first| (first, i));
        self.labels.iter().enumerate().find_map(of)
    }

    /// Sums over the dimensions that are not `wanted`.
    fn sum_out(&mut self, importer: &mut Importer<'_>, wanted: &[char]) -> Result<(), Decline> {
        let axes: Vec<usize> = (0..self.labels.len()).filter(|&i| !wanted.contains(&self.labels[i])).collect();
        if !axes.is_empty() {
            self.id = importer.reduce(Reduce::Sum, self.id, &axes, false)?;
            self.labels.retain(|l| wanted.contains(l));
        }
        Ok(())
    }

    /// Its dimensions in this order; those that it does not have become 1.
    fn ordered(&self, importer: &mut Importer<'_>, order: &[char]) -> Result<TensorId, Decline> {
        let perm: Vec<usize> = order.iter().filter_map(|&l| self.place(l)).collect();
        let moved = importer.transpose(self.id, &perm)?;
        let mut given = importer.shape(moved).into_iter();
        let shape: Vec<usize> =
            order.iter().map(|&l| if self.place(l).is_some() { given.next().unwrap_or(1) } else { 1 }).collect();
        importer.reshape(moved, &shape)
    }

    /// The product with `other`, summed over the names that nothing `later` has.
    fn times(mut self, importer: &mut Importer<'_>, mut other: Self, later: &[char]) -> Result<Self, Decline> {
        let keep: Vec<char> = later.iter().chain(&other.labels).copied().collect();
        self.sum_out(importer, &keep)?;
        let keep: Vec<char> = later.iter().chain(&self.labels).copied().collect();
        other.sum_out(importer, &keep)?;
        let shared = |l: &&char| other.labels.contains(l);
        let (batch, summed): (Vec<char>, Vec<char>) =
            self.labels.iter().filter(shared).copied().partition(|l| later.contains(l));
        let rows: Vec<char> = self.labels.iter().copied().filter(|l| !other.labels.contains(l)).collect();
        let cols: Vec<char> = other.labels.iter().copied().filter(|l| !self.labels.contains(l)).collect();
        let labels: Vec<char> = batch.iter().chain(&rows).chain(&cols).copied().collect();
        if summed.is_empty() {
            let (a, b) = (self.ordered(importer, &labels)?, other.ordered(importer, &labels)?);
            return Ok(Self { id: importer.binary(Binary::Mul, a, b)?, labels });
        }
        let sizes = |importer: &Importer<'_>, of: &Self, labels: &[char]| -> Vec<usize> {
            let shape = importer.shape(of.id);
            labels.iter().filter_map(|&l| of.place(l)).map(|i| shape[i]).collect()
        };
        let (outer, inner) = (sizes(importer, &self, &batch), sizes(importer, &other, &batch));
        let (m, n) = (sizes(importer, &self, &rows), sizes(importer, &other, &cols));
        let (k, k_of_other) = (sizes(importer, &self, &summed), sizes(importer, &other, &summed));
        if k != k_of_other {
            return Err(Decline::broken(format!("dimensions {k:?} and {k_of_other:?} have one name")));
        }
        let product = |dims: &[usize]| dims.iter().product::<usize>();
        let a = self.ordered(importer, &[&batch[..], &rows, &summed].concat())?;
        let b = other.ordered(importer, &[&batch[..], &summed, &cols].concat())?;
        let a = importer.reshape(a, &[&outer[..], &[product(&m), product(&k)]].concat())?;
        let b = importer.reshape(b, &[&inner[..], &[product(&k), product(&n)]].concat())?;
        let y = products::product(importer, a, b)?;
        let batch = importer.shape(y)[..outer.len()].to_vec();
        let id = importer.reshape(y, &[&batch[..], &m, &n].concat())?;
        Ok(Self { id, labels })
    }
}
