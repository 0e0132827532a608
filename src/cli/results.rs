//! Outputs of several runs as arrays.

use coulter_exec::Session;
use coulter_pipeline::{Array, samples};

/// The arrays of a session's outputs after a run.
pub fn outputs(session: &Session<'_>) -> Vec<(String, Array)> {
    let plan = *session.plan();
    let array = |(i, port): (usize, coulter_plan::Port<'_>)| {
        let bytes = session.output(i).to_vec();
        (port.name.to_owned(), Array { dtype: port.tensor.dtype, shape: samples::shape_of(&port), bytes })
    };
    plan.outputs().enumerate().map(array).collect()
}

/// One array an output, of all runs: joined along the leading axis where that is the batch, else along a new one.
pub fn stacked(runs: Vec<Vec<(String, Array)>>, along_batch: bool) -> Vec<(String, Array)> {
    let count = runs.len();
    let mut runs = runs.into_iter();
    let Some(mut all) = runs.next() else { return Vec::new() };
    if count == 1 {
        return all;
    }
    for run in runs {
        for ((_, whole), (_, part)) in all.iter_mut().zip(run) {
            whole.bytes.extend(part.bytes);
        }
    }
    for (_, array) in &mut all {
        match array.shape.first_mut() {
            Some(leading) if along_batch && *leading == 1 => *leading = count,
            _ => array.shape.insert(0, count),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_joined_and_others_stacked() {
        let run = || vec![("y".to_owned(), Array::from_f32(vec![1, 2], &[1.0, 2.0]))];
        let shape = |count: usize, along| stacked((0..count).map(|_| run()).collect(), along)[0].1.shape.clone();
        assert_eq!(shape(1, true), [1, 2]);
        assert_eq!(shape(3, true), [3, 2]);
        assert_eq!(shape(3, false), [3, 1, 2]);
        let state = || vec![("h".to_owned(), Array::from_f32(vec![2, 1], &[1.0, 2.0]))];
        assert_eq!(stacked(vec![state(), state()], true)[0].1.shape, [2, 2, 1]);
    }
}
