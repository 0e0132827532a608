//! From a model file to outputs: compile, bind, run.

use std::path::Path;

use coulter_compile::{CompileOptions, Compiled};
use coulter_exec::{AlignedBytes, Session, SessionOptions};
use coulter_plan::Plan;

use crate::arrays::Array;

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

/// Binds and runs once; inputs and outputs are by name.
pub fn run(plan: &[u8], inputs: &[(String, Array)]) -> Result<Vec<(String, Array)>, String> {
    let bytes = aligned(plan);
    let plan = Plan::parse(&bytes).map_err(|e| e.to_string())?;
    let mut session = Session::new(plan, SessionOptions::default()).map_err(|e| e.to_string())?;
    fill(&mut session, inputs)?;
    session.run().map_err(|e| e.to_string())?;
    Ok(outputs(&session))
}

/// Puts inputs into a session.
pub fn fill(session: &mut Session<'_>, inputs: &[(String, Array)]) -> Result<(), String> {
    let plan = *session.plan();
    for (i, port) in plan.inputs().enumerate() {
        let Some((_, array)) = inputs.iter().find(|(name, _)| name == port.name) else {
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

/// What a session has computed.
pub fn outputs(session: &Session<'_>) -> Vec<(String, Array)> {
    let plan = *session.plan();
    let array = |(i, port): (usize, coulter_plan::Port<'_>)| {
        let shape = port.tensor.dims.iter().map(|&d| d as usize).collect();
        (port.name.to_owned(), Array { dtype: port.tensor.dtype, shape, bytes: session.output(i).to_vec() })
    };
    plan.outputs().enumerate().map(array).collect()
}
