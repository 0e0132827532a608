//! The two that are compared.

use coulter_compile::CompileOptions;
use coulter_plan::DType;
use tract_onnx::prelude::*;

use super::Outcome;
use super::case::{Case, Item};
use crate::arrays::{Array, Tolerance, Values};
use crate::engine;

/// Compiles and runs a case.
pub fn coulter(case: &Case) -> Outcome {
    let options = CompileOptions { dims: case.dims.clone(), ..CompileOptions::default() };
    let compiled = match engine::compile(&case.model, &options) {
        Ok(compiled) => compiled,
        Err(error) => return Outcome::Refused(error),
    };
    let mut inputs = Vec::new();
    for (name, item) in &case.inputs {
        match item {
            Item::Array(array) => inputs.push((name.as_str(), array)),
            Item::Text(..) => return Outcome::Refused(format!("input {name} is text")),
        }
    }
    // What does not bind or run has compiled all the same: the promise is to refuse earlier.
    let plan = engine::aligned(&compiled.plan);
    let mut external = coulter_fallback::Tract::default();
    let reasons = external.errors();
    let outputs = match engine::Runner::new(&plan, Some(&mut external)).and_then(|mut runner| runner.run(&inputs)) {
        Ok(outputs) => outputs,
        Err(error) => {
            let reason = reasons.last().map(|e| format!(": {e}")).unwrap_or_default();
            return Outcome::Wrong(format!("compiled, but: {error}{reason}"));
        }
    };
    for (name, wanted) in &case.outputs {
        let Some((_, got)) = outputs.iter().find(|(n, _)| n == name) else {
            return Outcome::Wrong(format!("no output {name}"));
        };
        if let Err(why) = same_array(got, wanted) {
            return Outcome::Wrong(format!("output {name}: {why}"));
        }
    }
    if compiled.report.fallback.is_empty() { Outcome::Native } else { Outcome::Fallback }
}

fn same_array(got: &Array, wanted: &Item) -> Result<(), String> {
    let Item::Array(array) = wanted else { return Err("text is wanted".into()) };
    if got.dtype != array.dtype {
        return Err(format!("{:?} instead of {:?}", got.dtype, array.dtype));
    }
    same_values(&got.shape, &got.values(), wanted)
}

fn same_values(shape: &[usize], got: &Values, wanted: &Item) -> Result<(), String> {
    if shape != wanted.shape() {
        return Err(format!("shape {shape:?} instead of {:?}", wanted.shape()));
    }
    let relative = match wanted {
        // One unit in the last place.
        Item::Array(Array { dtype: DType::BF16, .. }) => 1.0 / 128.0,
        _ => 1e-3,
    };
    Tolerance { absolute: 1e-5, relative }.check(got, &wanted.values())
}

/// Runs a case through tract as its users do: with the shapes that the model declares, or with those of the data,
/// whichever succeeds.
pub fn tract(case: &Case) -> Outcome {
    match try_tract(case, false) {
        Outcome::Native => Outcome::Native,
        first => match try_tract(case, true) {
            Outcome::Native => Outcome::Native,
            _ => first,
        },
    }
}

fn try_tract(case: &Case, shapes_of_data: bool) -> Outcome {
    let outputs = match run_tract(case, shapes_of_data) {
        Ok(outputs) => outputs,
        Err(error) => return Outcome::Refused(format!("{error:#}")),
    };
    for ((name, wanted), got) in case.outputs.iter().zip(&outputs) {
        let same = tract_values(got).and_then(|values| same_values(got.shape(), &values, wanted));
        if let Err(why) = same {
            return Outcome::Wrong(format!("output {name}: {why}"));
        }
    }
    Outcome::Native
}

fn run_tract(case: &Case, shapes_of_data: bool) -> TractResult<TVec<TValue>> {
    let mut model = tract_onnx::onnx().model_for_path(&case.model)?;
    let inputs = case.inputs.iter().map(|(_, item)| tract_tensor(item)).collect::<TractResult<TVec<Tensor>>>()?;
    if shapes_of_data {
        for (i, tensor) in inputs.iter().enumerate() {
            model.set_input_fact(i, InferenceFact::dt_shape(tensor.datum_type(), tensor.shape()))?;
        }
    }
    let runnable = model.into_typed()?.into_decluttered()?.into_optimized()?.into_runnable()?;
    runnable.run(inputs.into_iter().map(Tensor::into_tvalue).collect())
}

fn tract_tensor(item: &Item) -> TractResult<Tensor> {
    fn tensor<const N: usize, T: Datum>(array: &Array, read: impl Fn([u8; N]) -> T) -> TractResult<Tensor> {
        let elements = array.bytes.chunks_exact(N).map(|c| read(c.try_into().expect("chunks of N")));
        Ok(tract_ndarray::ArrayD::from_shape_vec(&array.shape[..], elements.collect())?.into())
    }
    let a = match item {
        Item::Array(array) => array,
        Item::Text(shape, text) => {
            return Ok(tract_ndarray::ArrayD::from_shape_vec(&shape[..], text.clone())?.into());
        }
    };
    match a.dtype {
        DType::F32 => tensor(a, f32::from_le_bytes),
        DType::F64 => tensor(a, f64::from_le_bytes),
        DType::F16 => tensor(a, f16::from_le_bytes),
        DType::I8 => tensor(a, i8::from_le_bytes),
        DType::U8 => tensor(a, u8::from_le_bytes),
        DType::I16 => tensor(a, i16::from_le_bytes),
        DType::U16 => tensor(a, u16::from_le_bytes),
        DType::I32 => tensor(a, i32::from_le_bytes),
        DType::U32 => tensor(a, u32::from_le_bytes),
        DType::I64 => tensor(a, i64::from_le_bytes),
        DType::U64 => tensor(a, u64::from_le_bytes),
        DType::Bool => tensor(a, |[v]: [u8; 1]| v != 0),
        DType::BF16 => Err(TractError::msg("tract has no bfloat16")),
    }
}

fn tract_values(tensor: &Tensor) -> Result<Values, String> {
    fn all<T: Datum + Copy>(tensor: &Tensor) -> Result<Vec<T>, String> {
        let cast = tensor.cast_to::<T>().map_err(|e| e.to_string())?;
        Ok(cast.to_plain_array_view::<T>().map_err(|e| e.to_string())?.iter().copied().collect())
    }
    let dt = tensor.datum_type();
    if dt.is_float() {
        all::<f64>(tensor).map(Values::Float)
    } else if dt == String::datum_type() {
        let view = tensor.to_plain_array_view::<String>().map_err(|e| e.to_string())?;
        Ok(Values::Text(view.iter().cloned().collect()))
    } else if dt == u64::datum_type() {
        all::<u64>(tensor).map(|v| Values::Int(v.into_iter().map(i128::from).collect()))
    } else {
        all::<i64>(tensor).map(|v| Values::Int(v.into_iter().map(i128::from).collect()))
    }
}
