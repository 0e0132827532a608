//! Where a plan's values part from the model's: step by step against tract.

use std::collections::HashMap;
use std::path::Path;

use coulter_exec::{Observer, Session, SessionOptions, Values};
use coulter_fallback::Tract;
use coulter_kernels::{Element, IsaSet};
use coulter_plan::{DType, OpCode, Plan, Step, Tensor};
use serde::Serialize;

use crate::front::reference;
use crate::{CompileError, Progress};

/// A tensor of the model as a step of the plan computes it. JSON has no infinite numbers: they become null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiffRow {
    /// Index of the step.
    pub step: usize,
    /// Its operator.
    pub op: String,
    /// The model's tensor.
    pub tensor: String,
    /// Greatest absolute difference; infinite where a number is missing.
    pub max_abs_error: f64,
    /// The same, relative to the greatest absolute value of the reference.
    pub relative_error: f64,
    /// Signal to noise in decibels; infinite where nothing differs.
    pub sqnr_db: f64,
    /// Whether this is the first tensor that is further off than rounding explains.
    pub first_surprise: bool,
}

/// A relative error that rounding does not explain in f32.
const SURPRISING: f64 = 1e-3;

/// Decibels of signal to noise below which quantization has failed: half of the signal's amplitude is noise.
const SURPRISING_DB: f64 = 6.0;

/// Compares every tensor that a step of the plan computes, and that is one of the model's, with the value that tract
/// computes from the same inputs, given as the bytes of every input of the plan. Rows stand in the order of steps.
///
/// # Errors
/// If the model cannot be read or tract cannot run it, or the inputs do not fit the plan, or the plan does not run.
pub fn diff(
    model: &Path,
    plan: Plan<'_>,
    inputs: &[Vec<u8>],
    progress: Progress<'_>,
) -> Result<Vec<DiffRow>, CompileError> {
    let ports: Vec<_> = plan.inputs().collect();
    let shape = |tensor: &Tensor| tensor.dims.iter().map(|&d| d as usize).collect::<Vec<_>>();
    let sizes = ports.iter().map(|port| port.tensor.len().unwrap_or(0) * port.tensor.dtype.size());
    if !sizes.eq(inputs.iter().map(Vec::len)) {
        return Err(CompileError::Run("the inputs do not fit the plan".into()));
    }
    progress("run the reference", 0.0);
    let given: Vec<_> = ports
        .iter()
        .zip(inputs)
        .map(|(port, bytes)| (port.name, port.tensor.dtype, shape(&port.tensor), &bytes[..]))
        .collect();
    let reference = reference::values(model, &given)?;
    progress("run the plan", 0.5);
    let mut tract = Tract::default();
    let options = SessionOptions { isas: IsaSet::detect(), external: Some(&mut tract), ..SessionOptions::default() };
    let mut session = Session::new(plan, options).map_err(|error| CompileError::Run(error.to_string()))?;
    inputs.iter().enumerate().for_each(|(i, bytes)| session.input_mut(i).copy_from_slice(bytes));
    let mut watcher =
        Watcher { plan, reference, layouts: layouts(&plan), quantizations: quantizations(&plan), rows: Vec::new() };
    session.observe(&mut watcher).map_err(|error| CompileError::Run(error.to_string()))?;
    progress("run the plan", 1.0);
    let outputs: Vec<&[u8]> = (0..plan.output_count()).map(|i| session.output(i)).collect();
    watcher.outputs(&outputs);
    let mut rows = watcher.rows;
    rows.sort_by_key(|row| row.step);
    // What comes after quantized tensors has their noise.
    let quantized = plan.steps().find(|step| step.code == OpCode::Quantize || reads_bytes(step)).map(|step| step.index);
    let surprising = |row: &&mut DiffRow| match quantized {
        Some(first) if row.step >= first => row.sqnr_db < SURPRISING_DB,
        _ => row.relative_error > SURPRISING,
    };
    if let Some(row) = rows.iter_mut().find(surprising) {
        row.first_surprise = true;
    }
    Ok(rows)
}

/// Whether a step computes with quantized numbers.
fn reads_bytes(step: &Step<'_>) -> bool {
    let inputs = (0..step.operands.input_count()).filter_map(|i| step.operands.input(i));
    inputs.into_iter().any(|tensor| tensor.dtype.size() == 1 && tensor.dtype != DType::Bool)
}

/// Scale and zero point of tensor records, by index, as the compiler noted them in the metadata.
pub fn quantizations(plan: &Plan<'_>) -> HashMap<usize, (f64, f64)> {
    let metadata: serde_json::Value = serde_json::from_str(plan.metadata()).unwrap_or_default();
    let entries = metadata["quantization"].as_array().cloned().unwrap_or_default();
    let entry = |entry: &serde_json::Value| {
        let index = usize::try_from(entry["tensor"].as_u64()?).ok()?;
        Some((index, (entry["scale"].as_f64()?, entry["zero_point"].as_f64()?)))
    };
    entries.iter().filter_map(entry).collect()
}

/// Permutations of tensor records, by index, as the compiler noted them in the metadata.
fn layouts(plan: &Plan<'_>) -> HashMap<usize, Vec<usize>> {
    let metadata: serde_json::Value = serde_json::from_str(plan.metadata()).unwrap_or_default();
    let entries = metadata["layouts"].as_array().cloned().unwrap_or_default();
    let number = |value: &serde_json::Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
    let entry = |entry: &serde_json::Value| {
        let permutation = entry["permutation"].as_array()?.iter().map(number).collect::<Option<Vec<_>>>()?;
        Some((number(&entry["tensor"])?, permutation))
    };
    entries.iter().filter_map(entry).collect()
}

struct Watcher<'p> {
    plan: Plan<'p>,
    reference: HashMap<String, coulter_fallback::Output>,
    layouts: HashMap<usize, Vec<usize>>,
    quantizations: HashMap<usize, (f64, f64)>,
    rows: Vec<DiffRow>,
}

impl Observer for Watcher<'_> {
    fn after(&mut self, step: &Step<'_>, values: &Values<'_, '_>) {
        let operands = &step.operands;
        for index in (0..operands.output_count()).filter_map(|i| operands.output_index(i)) {
            let (name, tensor) = (self.plan.tensor_name(index), self.plan.tensor(index));
            let Some((dtype, shape, bytes)) = self.reference.get(name) else { continue };
            let straight: Vec<usize> = (0..shape.len()).collect();
            let permutation = self.layouts.get(&index).unwrap_or(&straight);
            let Some(wanted) = permuted(*dtype, shape, bytes, permutation, &tensor) else { continue };
            let mut got = numbers(values, &tensor);
            if let Some((scale, zero_point)) = self.quantizations.get(&index).filter(|_| dtype.is_float()) {
                got.iter_mut().for_each(|value| *value = scale * (*value - zero_point));
            } else if (*dtype, tensor.dtype) == (DType::I8, DType::U8) {
                // Activations are held as unsigned bytes, whatever the model has.
                got.iter_mut().for_each(|value| *value -= 128.0);
            }
            self.rows.push(row(step, name, &got, &wanted));
        }
    }
}

impl Watcher<'_> {
    /// Adds the graph outputs that no step's tensor is named after: those that steps compute under another shape.
    fn outputs(&mut self, outputs: &[&[u8]]) {
        let plan = self.plan;
        for (port, bytes) in plan.outputs().zip(outputs) {
            let known = self.rows.iter().any(|row| row.tensor == port.name);
            let Some((dtype, shape, wanted)) = self.reference.get(port.name).filter(|_| !known) else { continue };
            let straight: Vec<usize> = (0..shape.len()).collect();
            let Some(wanted) = permuted(*dtype, shape, wanted, &straight, &port.tensor) else { continue };
            let own = port.tensor.dtype;
            let got: Option<Vec<f64>> = bytes.chunks_exact(own.size()).map(|bytes| number(own, bytes)).collect();
            let writes = |step: &Step<'_>| {
                let operands = &step.operands;
                let written = (0..operands.output_count()).filter_map(|i| operands.output(i));
                written.into_iter().any(|tensor| !tensor.is_disjoint_from(&port.tensor))
            };
            let last = plan.steps().filter(writes).last();
            if let (Some(got), Some(step)) = (got, last) {
                self.rows.push(row(&step, port.name, &got, &wanted));
            }
        }
    }
}

/// The model's values in the order of the plan's, which may have more or fewer dimensions of 1; `None` where the
/// shapes do not agree. The permutation is one of the model's dimensions, of which those of 1 may be missing.
fn permuted(dtype: DType, shape: &[usize], bytes: &[u8], permutation: &[usize], tensor: &Tensor) -> Option<Vec<f64>> {
    let own: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
    let dims: Vec<usize> = permutation.iter().map(|&p| shape.get(p).copied()).collect::<Option<_>>()?;
    let long = |dims: &[usize]| dims.iter().copied().filter(|&dim| dim != 1).collect::<Vec<_>>();
    if long(&dims) != long(&own) || shape.iter().product::<usize>() != own.iter().product::<usize>() {
        return None;
    }
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    let size = dtype.size();
    let place = |index: &[usize]| -> usize { index.iter().zip(permutation).map(|(&i, &p)| i * strides[p]).sum() };
    indices(&dims).map(|index| bytes.get(place(&index) * size..).and_then(|b| number(dtype, b.get(..size)?))).collect()
}

/// Every index below `dims`, in row-major order.
fn indices(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let dims = dims.to_vec();
    (0..dims.iter().product::<usize>()).map(move |mut place| {
        let mut index = vec![0; dims.len()];
        for (i, &dim) in dims.iter().enumerate().rev() {
            index[i] = place % dim;
            place /= dim;
        }
        index
    })
}

/// An element from its bytes.
fn number(dtype: DType, bytes: &[u8]) -> Option<f64> {
    Some(match dtype {
        DType::F32 => f32::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::F64 => f64::from_le_bytes(bytes.try_into().ok()?),
        DType::F16 => half::f16::from_le_bytes(bytes.try_into().ok()?).to_f64(),
        DType::BF16 => half::bf16::from_le_bytes(bytes.try_into().ok()?).to_f64(),
        DType::I8 => i8::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::U8 | DType::Bool => u8::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::I16 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::U16 => u16::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::I32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::U32 => u32::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::I64 => i64::from_le_bytes(bytes.try_into().ok()?) as f64,
        DType::U64 => u64::from_le_bytes(bytes.try_into().ok()?) as f64,
    })
}

/// The elements of a tensor between two steps.
fn numbers(values: &Values<'_, '_>, tensor: &Tensor) -> Vec<f64> {
    fn each<T: Element>(values: &Values<'_, '_>, tensor: &Tensor, number: impl Fn(T) -> f64) -> Vec<f64> {
        let mut numbers = Vec::new();
        values.view::<T>(tensor).for_each(|value| numbers.push(number(value)));
        numbers
    }
    match tensor.dtype {
        DType::F32 => each(values, tensor, |v: f32| v.into()),
        DType::F64 => each(values, tensor, |v: f64| v),
        DType::F16 => each(values, tensor, |v: u16| half::f16::from_bits(v).to_f64()),
        DType::BF16 => each(values, tensor, |v: u16| half::bf16::from_bits(v).to_f64()),
        DType::I8 => each(values, tensor, |v: i8| v.into()),
        DType::U8 | DType::Bool => each(values, tensor, |v: u8| v.into()),
        DType::I16 => each(values, tensor, |v: i16| v.into()),
        DType::U16 => each(values, tensor, |v: u16| v.into()),
        DType::I32 => each(values, tensor, |v: i32| v.into()),
        DType::U32 => each(values, tensor, |v: u32| v.into()),
        DType::I64 => each(values, tensor, |v: i64| v as f64),
        DType::U64 => each(values, tensor, |v: u64| v as f64),
    }
}

fn row(step: &Step<'_>, name: &str, got: &[f64], wanted: &[f64]) -> DiffRow {
    let (mut greatest, mut worst, mut signal, mut noise) = (f64::MIN_POSITIVE, 0.0f64, 0.0, 0.0);
    for (&got, &wanted) in got.iter().zip(wanted) {
        if got == wanted || got.is_nan() && wanted.is_nan() {
            let finite = if wanted.is_finite() { wanted } else { 0.0 };
            (greatest, signal) = (greatest.max(finite.abs()), signal + finite * finite);
            continue;
        }
        let error = (got - wanted).abs();
        let error = if error.is_nan() { f64::INFINITY } else { error };
        (worst, noise) = (worst.max(error), noise + error * error);
        if wanted.is_finite() {
            (greatest, signal) = (greatest.max(wanted.abs()), signal + wanted * wanted);
        }
    }
    DiffRow {
        step: step.index,
        op: step.code.name().into(),
        tensor: name.into(),
        max_abs_error: worst,
        relative_error: worst / greatest,
        sqnr_db: if noise == 0.0 { f64::INFINITY } else { 10.0 * (signal / noise).log10() },
        first_surprise: false,
    }
}
