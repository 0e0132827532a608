//! Arithmetic of shapes and permutations.

/// Row-major strides, in elements.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// Entry `perm[i]` of `values` at place `i`.
pub(crate) fn permuted<T: Clone>(values: &[T], perm: &[usize]) -> Vec<T> {
    perm.iter().map(|&p| values[p].clone()).collect()
}

/// The permutation that undoes `perm`.
pub(crate) fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        inverse[p] = i;
    }
    inverse
}

/// Transposing by `first`, then by `second`, is transposing by this.
pub(crate) fn composed(first: &[usize], second: &[usize]) -> Vec<usize> {
    permuted(first, second)
}

/// Whether every dimension stays where it is.
pub(crate) fn is_identity(perm: &[usize]) -> bool {
    perm.iter().enumerate().all(|(i, &p)| i == p)
}

/// Whether transposing a tensor of this shape leaves its elements in their order: only dimensions of 1 move.
pub(crate) fn keeps_order(shape: &[usize], perm: &[usize]) -> bool {
    let moved: Vec<usize> = perm.iter().copied().filter(|&p| shape[p] != 1).collect();
    moved.is_sorted() || shape.contains(&0)
}

/// Where a tensor comes from after it was transposed.
pub(crate) fn moved_origin(origin: Option<&(String, Vec<usize>)>, perm: &[usize]) -> Option<(String, Vec<usize>)> {
    let (name, first) = origin?;
    (first.len() == perm.len()).then(|| (name.clone(), composed(first, perm)))
}

/// The shape that tensors of these shapes, of equal rank, broadcast to.
pub(crate) fn broadcast<'a>(shapes: impl IntoIterator<Item = &'a [usize]>) -> Option<Vec<usize>> {
    let mut shapes = shapes.into_iter();
    let mut result = shapes.next()?.to_vec();
    for shape in shapes {
        if shape.len() != result.len() {
            return None;
        }
        for (wide, &dim) in result.iter_mut().zip(shape) {
            match (*wide, dim) {
                (a, b) if a == b => {}
                (1, b) => *wide = b,
                (_, 1) => {}
                _ => return None,
            }
        }
    }
    Some(result)
}

/// Runs of dimensions on both sides of a reshape that hold the same elements, dimensions of 1 left out:
/// for each, the dimensions before and after. `None` where there are no elements.
pub(crate) fn matching_runs(before: &[usize], after: &[usize]) -> Option<Vec<(Vec<usize>, Vec<usize>)>> {
    if before.contains(&0) || before.iter().product::<usize>() != after.iter().product::<usize>() {
        return None;
    }
    let mut left = (0..before.len()).filter(|&i| before[i] != 1).peekable();
    let mut right = (0..after.len()).filter(|&i| after[i] != 1).peekable();
    let mut runs = Vec::new();
    while left.peek().is_some() || right.peek().is_some() {
        let (mut from, mut to) = (Vec::new(), Vec::new());
        let (mut size_from, mut size_to) = (1, 1);
        while from.is_empty() || size_from != size_to {
            if size_from <= size_to {
                let i = left.next()?;
                size_from *= before[i];
                from.push(i);
            } else {
                let i = right.next()?;
                size_to *= after[i];
                to.push(i);
            }
        }
        runs.push((from, to));
    }
    Some(runs)
}

/// If `before` is reshaped to `after`, the permutation of `after` that goes with the permutation `perm` of `before`:
/// reshaping the transposed tensor to `after`, so permuted, gives the transposed result.
pub(crate) fn carried(before: &[usize], after: &[usize], perm: &[usize]) -> Option<Vec<usize>> {
    let runs = matching_runs(before, after)?;
    let mut order: Vec<usize> = perm.iter().copied().filter(|&p| before[p] != 1).collect();
    let mut result = Vec::with_capacity(after.len());
    while let Some(first) = order.first() {
        let (from, to) = runs.iter().find(|(from, _)| from.first() == Some(first))?;
        if order.len() < from.len() || order[..from.len()] != from[..] {
            return None;
        }
        order.drain(..from.len());
        result.extend(to);
    }
    // Dimensions of 1 stand where they stood, as far as that can be.
    for i in (0..after.len()).filter(|&i| after[i] == 1) {
        result.insert(i.min(result.len()), i);
    }
    Some(result)
}
