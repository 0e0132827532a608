//! Runs a graph on samples and shows what its nodes compute.

use std::collections::HashMap;
use std::num::NonZero;

use coulter_exec::threads::ThreadPool;
use coulter_exec::{AlignedBytes, Observer, Session, SessionOptions, Values};
use coulter_fallback::Tract;
use coulter_kernels::IsaSet;
use coulter_plan::{DType, Plan, Step};

use crate::emit::{Emission, Golden};
use crate::graph::{Graph, Quantization, Tensor, TensorId};
use crate::{CompileError, lower, memory};

/// Sees what runs compute.
pub(super) trait Watch {
    /// Whether to show a tensor.
    fn wants(&self, id: TensorId) -> bool;

    /// Called with every f32 tensor that is wanted, and every quantized one as the real numbers that it stands for, in row-major
    /// order, as soon as a step has computed it.
    fn tensor(&mut self, id: TensorId, values: &[f32]);

    /// Called when a sample is done; `false` ends the work.
    fn done(&mut self, outputs: Vec<Vec<u8>>) -> bool;
}

/// A graph as an unfinished plan.
pub(super) struct Runnable {
    plan: AlignedBytes,
    /// What each step computes, with its quantization.
    written: Vec<Vec<(usize, TensorId, Option<Quantization>)>>,
}

impl Runnable {
    /// Lowers a graph.
    pub(super) fn of(graph: &Graph) -> Result<Self, CompileError> {
        // What is measured on samples shall not depend on what is fast for f32.
        let mut program = lower::lower(graph, lower::Choices::NONE).map_err(CompileError::Problems)?;
        memory::merge(&mut program);
        let layout = memory::layout(&program, false);
        let origins = vec![None; graph.tensors.len()];
        let emission = Emission { graph, program: &program, layout: &layout, origins: &origins };
        let plan = emission.write(&Golden::default(), |_| String::new());
        let written = program.steps.iter().map(|step| {
            let outputs = step.outputs.iter().enumerate();
            let known = outputs.filter_map(|(i, output)| Some((i, output.as_ref()?.tensor?)));
            let told = known.filter(|(_, id)| is_told(graph.tensor(*id)));
            told.map(|(i, id)| (i, id, graph.tensor(id).quantization.clone())).collect()
        });
        let written = written.collect();
        Ok(Self { plan: AlignedBytes::copy_of(&plan), written })
    }

    /// Runs samples, each the bytes of every graph input.
    pub(super) fn run(&self, samples: &[Vec<Vec<u8>>], watch: &mut dyn Watch) -> Result<(), CompileError> {
        let failed = |error: &dyn std::fmt::Display| CompileError::Run(error.to_string());
        let plan = Plan::parse(&self.plan)?;
        // Results do not depend on the number of threads.
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let pool = ThreadPool::new(threads).map_err(|error| failed(&error))?;
        let mut tract = Tract::default();
        let options = SessionOptions {
            isas: IsaSet::detect(),
            parallel: &pool,
            external: Some(&mut tract),
            ..SessionOptions::default()
        };
        let mut session = Session::new(plan, options).map_err(|error| failed(&error))?;
        for sample in samples {
            sample.iter().enumerate().for_each(|(i, bytes)| session.input_mut(i).copy_from_slice(bytes));
            session.reset();
            let mut teller = Teller { runnable: self, watch, values: Vec::new() };
            session.observe(&mut teller).map_err(|error| failed(&error))?;
            if !watch.done((0..plan.output_count()).map(|i| session.output(i).to_vec()).collect()) {
                break;
            }
        }
        Ok(())
    }

    /// Runs samples and gives their outputs alone.
    pub(super) fn outputs(&self, samples: &[Vec<Vec<u8>>]) -> Result<Vec<Vec<Vec<u8>>>, CompileError> {
        struct Outputs(Vec<Vec<Vec<u8>>>);
        impl Watch for Outputs {
            fn wants(&self, _: TensorId) -> bool {
                false
            }
            fn tensor(&mut self, _: TensorId, _: &[f32]) {}
            fn done(&mut self, outputs: Vec<Vec<u8>>) -> bool {
                self.0.push(outputs);
                true
            }
        }
        let mut outputs = Outputs(Vec::new());
        self.run(samples, &mut outputs)?;
        Ok(outputs.0)
    }
}

/// Whether a tensor's elements stand for real numbers.
fn is_told(tensor: &Tensor) -> bool {
    match (&tensor.quantization, tensor.dtype) {
        (None, DType::F32) => true,
        (Some(quantization), DType::U8) => quantization.scales.len() == 1,
        _ => false,
    }
}

struct Teller<'a> {
    runnable: &'a Runnable,
    watch: &'a mut dyn Watch,
    values: Vec<f32>,
}

impl Observer for Teller<'_> {
    fn after(&mut self, step: &Step<'_>, values: &Values<'_, '_>) {
        let written = self.runnable.written.get(step.index).map_or(&[][..], Vec::as_slice);
        for (i, id, quantization) in written {
            if !self.watch.wants(*id) {
                continue;
            }
            let Some(tensor) = step.operands.output(*i) else { continue };
            self.values.clear();
            match quantization {
                None => values.view::<f32>(&tensor).for_each(|value| self.values.push(value)),
                Some(Quantization { scales, zero_points, .. }) => values
                    .view::<u8>(&tensor)
                    .for_each(|q| self.values.push((i32::from(q) - zero_points[0]) as f32 * scales[0])),
            }
            self.watch.tensor(*id, &self.values);
        }
    }
}

/// Tensors by name: the ids of two graphs that were rewritten apart differ.
pub(super) fn by_name(graph: &Graph) -> HashMap<&str, TensorId> {
    graph.tensors.iter().enumerate().map(|(i, tensor)| (tensor.name.as_str(), TensorId(i))).collect()
}
