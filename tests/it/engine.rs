//! From a model file to outputs: compile, bind, run.

use std::path::Path;

use coulter_compile::{CompileOptions, Compiled};
use coulter_exec::{AlignedBytes, External, Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::Plan;

use crate::arrays::{Array, Values};

/// Compiles, without progress.
pub fn compile(model: &Path, options: &CompileOptions) -> Result<Compiled, String> {
    coulter_compile::compile(model, options, &mut |_, _| ()).map_err(|e| e.to_string())
}

/// A plan's bytes as a file would be mapped.
pub fn aligned(plan: &[u8]) -> AlignedBytes {
    let mut bytes = AlignedBytes::zeroed(plan.len());
    bytes.copy_from_slice(plan);
    bytes
}

/// A bound plan, fed and read by name.
pub struct Runner<'a>(Session<'a>);

impl<'a> Runner<'a> {
    /// On the best instruction set, in one thread.
    pub fn new(plan: &'a [u8], external: Option<&'a mut dyn External>) -> Result<Self, String> {
        let isas = IsaSet::detect();
        Self::with_options(plan, SessionOptions { isas, external, ..SessionOptions::default() })
    }

    pub fn with_options(plan: &'a [u8], options: SessionOptions<'a>) -> Result<Self, String> {
        let plan = Plan::parse(plan).map_err(|e| e.to_string())?;
        Session::new(plan, options).map(Self).map_err(|e| e.to_string())
    }

    /// One inference.
    pub fn run(&mut self, inputs: &[(&str, &Array)]) -> Result<Vec<(String, Array)>, String> {
        fill(&mut self.0, inputs)?;
        self.0.run().map_err(|e| e.to_string())?;
        Ok(outputs(&self.0))
    }
}

fn fill(session: &mut Session<'_>, inputs: &[(&str, &Array)]) -> Result<(), String> {
    let plan = *session.plan();
    for (i, port) in plan.inputs().enumerate() {
        let Some((_, array)) = inputs.iter().find(|(name, _)| *name == port.name) else {
            return Err(format!("no value for input {}", port.name));
        };
        let dims: Vec<usize> = port.tensor.dims.iter().map(|&d| d as usize).collect();
        if array.dtype != port.tensor.dtype || array.shape != dims {
            let wanted = port.tensor.dtype;
            return Err(format!(
                "input {} is {wanted:?} {dims:?}, given {:?} {:?}",
                port.name, array.dtype, array.shape
            ));
        }
        session.input_mut(i).copy_from_slice(&array.bytes);
    }
    Ok(())
}

fn outputs(session: &Session<'_>) -> Vec<(String, Array)> {
    let plan = *session.plan();
    let array = |(i, port): (usize, coulter_plan::Port<'_>)| {
        let shape = port.tensor.dims.iter().map(|&d| d as usize).collect();
        (port.name.to_owned(), Array { dtype: port.tensor.dtype, shape, bytes: session.output(i).to_vec() })
    };
    plan.outputs().enumerate().map(array).collect()
}

/// Values of an array of floats.
pub fn floats(array: &Array) -> Vec<f64> {
    match array.values() {
        Values::Float(values) => values,
        other => panic!("floats are expected, not {other:?}"),
    }
}

/// Index of the greatest value.
pub fn argmax(values: &[f64]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]).then(b.cmp(&a))).expect("at least one value")
}

/// Greatest difference, relative to the greatest absolute value that is wanted; infinite where a number is missing.
pub fn relative_difference(got: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let difference = |(g, w): (&f64, &f64)| if (g - w).is_nan() { f64::INFINITY } else { (g - w).abs() };
    got.iter().zip(wanted).map(difference).fold(0.0, f64::max) / largest
}

/// Fails unless type, shape and values agree, within `tolerance` of the greatest absolute value wanted.
pub fn assert_close(got: &Array, wanted: &Array, tolerance: f64, what: &str) {
    assert_eq!((got.dtype, &got.shape), (wanted.dtype, &wanted.shape), "{what}");
    let difference = relative_difference(&floats(got), &floats(wanted));
    assert!(difference <= tolerance, "{what}: outputs differ by {difference:.2e}, more than {tolerance:.0e}");
}
