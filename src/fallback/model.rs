//! A loaded sub-model.

use coulter_plan::DType;
use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use crate::OutputFact;
use crate::dtype::{from_tract, to_tract};
use crate::error::{FallbackError, Port};
use crate::panics::caught;

/// Ready to run, with what goes in and comes out.
pub(crate) struct Model {
    runnable: Arc<TypedRunnableModel>,
    /// Types and shapes of the inputs.
    pub(crate) inputs: Vec<(DType, Vec<usize>)>,
    /// Types of the outputs, and shapes where they are known before a run.
    pub(crate) outputs: Vec<OutputFact>,
    /// What operators refer to without keeping it.
    _symbols: [SymbolScope; 2],
}

impl Model {
    /// Loads a serialized ONNX model.
    pub(crate) fn load(bytes: &[u8]) -> Result<Self, FallbackError> {
        let proto = ModelProto::decode(bytes).map_err(|e| FallbackError::NotOnnx(e.to_string()))?;
        if proto.graph.is_none() {
            return Err(FallbackError::NotOnnx("it has no graph".into()));
        }
        caught(|| {
            let load_error = |e: TractError| FallbackError::Load(format!("{e:#}"));
            let read = tract_onnx::onnx().model_for_proto_model(&proto).map_err(load_error)?;
            let read_symbols = read.symbols.clone();
            let typed = read.into_typed().and_then(|m| m.into_decluttered()).map_err(load_error)?;
            let symbols = [read_symbols, typed.symbols.clone()];
            let inputs = facts(&typed.inputs, &typed, Port::Input)?.into_iter().enumerate();
            let inputs = inputs.map(|(i, (dtype, shape))| match shape {
                Some(shape) => Ok((dtype, shape)),
                None => Err(FallbackError::SymbolicShape { port: Port::Input(i) }),
            });
            let inputs = inputs.collect::<Result<_, _>>()?;
            let outputs = facts(&typed.outputs, &typed, Port::Output)?;
            let runnable = typed.into_optimized().and_then(|m| m.into_runnable()).map_err(load_error)?;
            Ok(Self { runnable, inputs, outputs, _symbols: symbols })
        })
    }

    /// Fails unless these are the types and shapes of the inputs.
    pub(crate) fn check_inputs(&self, given: &[(DType, Vec<usize>)]) -> Result<(), FallbackError> {
        let known: Vec<_> = self.inputs.iter().map(|(dtype, shape)| (*dtype, Some(shape.clone()))).collect();
        check("inputs", Port::Input, &known, given)
    }

    /// Fails if these are not the types and, as far as they are known, the shapes of the outputs.
    pub(crate) fn check_outputs(&self, given: &[(DType, Vec<usize>)]) -> Result<(), FallbackError> {
        check("outputs", Port::Output, &self.outputs, given)
    }

    /// Runs, and checks what came out against [`Model::outputs`].
    pub(crate) fn run(&self, inputs: &[&[u8]]) -> Result<Vec<Computed>, FallbackError> {
        if inputs.len() != self.inputs.len() {
            let (expected, found) = (self.inputs.len(), inputs.len());
            return Err(FallbackError::Count { side: "inputs", expected, found });
        }
        let facts = self.inputs.iter().zip(inputs).enumerate();
        let tensors =
            facts.map(|(i, ((dtype, shape), bytes))| tensor(i, *dtype, shape, bytes).map(Tensor::into_tvalue));
        let tensors: TVec<TValue> = tensors.collect::<Result<_, _>>()?;
        let results = caught(|| self.runnable.run(tensors).map_err(run_error))?;
        let results = results.into_iter().enumerate().map(|(i, value)| Computed::new(i, value));
        let results = results.collect::<Result<Vec<_>, _>>()?;
        self.check_outputs(&results.iter().map(Computed::fact).collect::<Vec<_>>())?;
        Ok(results)
    }
}

/// A result.
pub(crate) struct Computed {
    dtype: DType,
    tensor: Tensor,
}

impl Computed {
    fn new(i: usize, value: TValue) -> Result<Self, FallbackError> {
        let mut tensor = value.into_tensor();
        let dtype = supported(Port::Output(i), tensor.datum_type())?;
        if tensor.datum_type() == DatumType::TDim {
            tensor = tensor.cast_to_dt(DatumType::I64).map_err(run_error)?.into_owned();
        }
        Ok(Self { dtype, tensor })
    }

    /// Type and shape.
    pub(crate) fn fact(&self) -> (DType, Vec<usize>) {
        (self.dtype, self.tensor.shape().to_vec())
    }

    /// Elements.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.tensor.as_bytes()
    }
}

fn run_error(error: TractError) -> FallbackError {
    FallbackError::Run(format!("{error:#}"))
}

/// A tensor of tract from bytes. Any byte but 0 is true.
fn tensor(i: usize, dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Tensor, FallbackError> {
    let port = Port::Input(i);
    let expected = shape.iter().product::<usize>() * dtype.size();
    if bytes.len() != expected {
        return Err(FallbackError::Bytes { port, expected, found: bytes.len() });
    }
    let datum = to_tract(dtype).ok_or_else(|| FallbackError::Type { port, dtype: dtype.to_string() })?;
    let mut tensor = Tensor::zero_dt(datum, shape).map_err(run_error)?;
    let elements = tensor.as_bytes_mut();
    elements.copy_from_slice(bytes);
    if dtype == DType::Bool {
        elements.iter_mut().for_each(|b| *b = u8::from(*b != 0));
    }
    Ok(tensor)
}

fn supported(port: Port, dtype: DatumType) -> Result<DType, FallbackError> {
    from_tract(dtype).ok_or_else(|| FallbackError::Type { port, dtype: format!("{dtype:?}") })
}

fn facts(outlets: &[OutletId], model: &TypedModel, port: fn(usize) -> Port) -> Result<Vec<OutputFact>, FallbackError> {
    let fact = |(i, outlet): (usize, &OutletId)| {
        let fact = model.outlet_fact(*outlet).map_err(|e| FallbackError::Load(format!("{e:#}")))?;
        let dtype = supported(port(i), fact.datum_type)?;
        Ok((dtype, fact.shape.as_concrete().map(<[usize]>::to_vec)))
    };
    outlets.iter().enumerate().map(fact).collect()
}

fn check(
    side: &'static str,
    port: fn(usize) -> Port,
    expected: &[OutputFact],
    found: &[(DType, Vec<usize>)],
) -> Result<(), FallbackError> {
    if expected.len() != found.len() {
        return Err(FallbackError::Count { side, expected: expected.len(), found: found.len() });
    }
    for (i, ((dtype, shape), (found_dtype, found_shape))) in expected.iter().zip(found).enumerate() {
        let shape = shape.as_ref().unwrap_or(found_shape);
        if dtype != found_dtype || shape != found_shape {
            let (expected, found) = ((*dtype, shape.clone()), (*found_dtype, found_shape.clone()));
            return Err(FallbackError::Mismatch { port: port(i), expected, found });
        }
    }
    Ok(())
}
