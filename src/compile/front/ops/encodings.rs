//! Operators that compare with numbers of their own: OneHot, Binarizer, EyeLike, ReverseSequence, Det.

use coulter_plan::DType;
use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::gather;

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::front::tensors;
use crate::graph::{Op, TensorId};

/// OneHot: `indices` (negative ones count from the end), `depth`, `values [2]` (off, on).
pub(super) fn one_hot(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (indices, values) = (node.input(0)?, node.input(2)?);
    let depth = importer.cast(node.input(1)?, DType::I64)?;
    let depth = match importer.graph.tensor(depth).value.as_ref().map(|v| v.to_i64()).as_deref() {
        Some(&[depth]) => usize::try_from(depth).ok().filter(|&d| d > 0),
        Some(_) => None,
        None => return Err(Decline::fallback("the depth is computed")),
    };
    let depth = depth.ok_or_else(|| Decline::broken("the depth is not a positive number"))?;
    let mut shape = importer.shape(indices);
    let axis = importer.axis(node.int_or("axis", -1)?, shape.len() + 1)?;
    shape.insert(axis, 1);
    let indices = importer.cast(indices, DType::I64)?;
    let indices = importer.reshape(indices, &shape)?;
    let last = importer.scalar(depth as f64, DType::I64, shape.len());
    let negative = importer.compare(Kind::Less, indices, 0.0)?;
    let from_end = importer.add(indices, last)?;
    let indices = importer.select(negative, from_end, indices)?;
    let numbers = importer.iota(depth, DType::I64)?;
    let numbers = importer.along(numbers, axis, shape.len())?;
    let hit = importer.binary(Kind::Equal, indices, numbers)?;
    if importer.shape(values) != [2] {
        return Err(Decline::broken("two values are expected, off and on"));
    }
    let (off, on) = (importer.slice(values, 0, 0, 1, 1)?, importer.slice(values, 0, 1, 1, 1)?);
    one(importer.select(hit, on, off)?)
}

/// Binarizer of ai.onnx.ml: 1 where x is greater than the threshold.
pub(super) fn binarizer(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    importer.expect_dtype(x, DType::F32)?;
    let above = importer.compare(Kind::Greater, x, f64::from(node.float_or("threshold", 0.0)?))?;
    one(importer.cast(above, DType::F32)?)
}

/// EyeLike: ones on diagonal `k`.
pub(super) fn eye_like(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let &[rows, columns] = &importer.shape(x)[..] else { return Err(Decline::broken("a matrix is expected")) };
    let dtype = match node.int("dtype")? {
        None => importer.dtype(x),
        Some(number) => {
            let found = i32::try_from(number).ok().and_then(tensors::dtype);
            found.ok_or_else(|| Decline::fallback(format!("dtype {number} has no native form")))?
        }
    };
    let k = node.int_or("k", 0)?;
    let mut ones = vec![0; rows * columns];
    for row in 0..rows {
        let column = usize::try_from(row as i64 + k).ok().filter(|&c| c < columns);
        if let Some(column) = column {
            ones[row * columns + column] = 1;
        }
    }
    let eye = importer.constant_i64(&[rows, columns], &ones);
    one(importer.cast(eye, dtype)?)
}

/// ReverseSequence: `x`, `lengths [batch]`; of every sequence, the first elements in reverse.
pub(super) fn reverse_sequence(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, lengths) = (node.input(0)?, node.input(1)?);
    let (batch_axis, time_axis) = (node.int_or("batch_axis", 1)?, node.int_or("time_axis", 0)?);
    let by_time = match (batch_axis, time_axis) {
        (1, 0) => x,
        (0, 1) => swapped(importer, x)?,
        _ => return Err(Decline::broken(format!("batch_axis {batch_axis} and time_axis {time_axis}"))),
    };
    let shape = importer.shape(by_time);
    let &[steps, batch, ..] = &shape[..] else { return Err(Decline::broken(format!("{shape:?} has no sequences"))) };
    if importer.shape(lengths) != [batch] {
        return Err(Decline::broken(format!("{batch} lengths are expected")));
    }
    let lengths = importer.cast(lengths, DType::I64)?;
    let lengths = importer.reshape(lengths, &[1, batch])?;
    let places = importer.iota(steps, DType::I64)?;
    let places = importer.reshape(places, &[steps, 1])?;
    let inside = importer.binary(Kind::Less, places, lengths)?;
    let one_less = importer.scalar(1.0, DType::I64, 2);
    let mirrored = importer.sub(lengths, places)?;
    let mirrored = importer.sub(mirrored, one_less)?;
    let from = importer.select(inside, mirrored, places)?;
    // Steps and batch as one dimension, so that each of them can come from a place of its own.
    let width = importer.scalar(batch as f64, DType::I64, 2);
    let rows = importer.mul(from, width)?;
    let of_batch = importer.iota(batch, DType::I64)?;
    let of_batch = importer.reshape(of_batch, &[1, batch])?;
    let rows = importer.add(rows, of_batch)?;
    let rows = importer.reshape(rows, &[steps * batch])?;
    let rest: usize = shape[2..].iter().product();
    let flat = importer.reshape(by_time, &[steps * batch, rest])?;
    let dtype = importer.dtype(x);
    let taken = importer.emit(Op::Gather(gather::Params { axis: 0 }), &[flat, rows], dtype, &[steps * batch, rest])?;
    let y = importer.reshape(taken, &shape)?;
    one(if batch_axis == 0 { swapped(importer, y)? } else { y })
}

fn swapped(importer: &mut Importer<'_>, x: TensorId) -> Result<TensorId, Decline> {
    let mut perm: Vec<usize> = (0..importer.rank(x)).collect();
    if perm.len() < 2 {
        return Err(Decline::broken("a batch and a time dimension are expected"));
    }
    perm.swap(0, 1);
    importer.transpose(x, &perm)
}

/// Det of matrices of up to three rows.
pub(super) fn det(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let shape = importer.shape(x);
    let rows = match shape[..] {
        [.., rows, columns] if rows == columns => rows,
        _ => return Err(Decline::broken(format!("{shape:?} is not square"))),
    };
    let (row, column) = (shape.len() - 2, shape.len() - 1);
    let at = |importer: &mut Importer<'_>, r: usize, c: usize| -> Result<TensorId, Decline> {
        let picked = importer.slice(x, row, r, 1, 1)?;
        importer.slice(picked, column, c, 1, 1)
    };
    let minor = |importer: &mut Importer<'_>, [r0, r1]: [usize; 2], [c0, c1]: [usize; 2]| {
        let (a, d) = (at(importer, r0, c0)?, at(importer, r1, c1)?);
        let (b, c) = (at(importer, r0, c1)?, at(importer, r1, c0)?);
        let (falling, rising) = (importer.mul(a, d)?, importer.mul(b, c)?);
        importer.sub(falling, rising)
    };
    let det = match rows {
        1 => x,
        2 => minor(importer, [0, 1], [0, 1])?,
        3 => {
            let minors =
                [minor(importer, [1, 2], [1, 2])?, minor(importer, [1, 2], [0, 2])?, minor(importer, [1, 2], [0, 1])?];
            let mut parts = Vec::new();
            for (c, minor) in minors.into_iter().enumerate() {
                let head = importer.slice(x, row, 0, 1, 1)?;
                let head = importer.slice(head, column, c, 1, 1)?;
                parts.push(importer.mul(head, minor)?);
            }
            let ends = importer.sub(parts[0], parts[1])?;
            importer.add(ends, parts[2])?
        }
        _ => return Err(Decline::fallback(format!("determinants of {rows} rows have no native form"))),
    };
    let det = importer.reshape(det, &shape[..row])?;
    one(importer.cast(det, dtype)?)
}
