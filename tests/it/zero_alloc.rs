//! Nothing is allocated once a plan is bound.

use coulter_cli::allocations;
use coulter_exec::threads::ThreadPool;
use coulter_exec::{External, ExternalTensor, ExternalTensorMut, Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::builder::{NewTensor, PlanBuilder};
use coulter_plan::ops::fallback::Params;
use coulter_plan::{DType, Plan, Space, Step};

use crate::{engine, golden};

#[test]
fn the_counter_counts() {
    let before = allocations::count();
    drop(std::hint::black_box(vec![0_u8; 100]));
    assert_eq!(allocations::count() - before, 1);
}

#[test]
fn runs_of_own_models_allocate_nothing() {
    for (model, ..) in golden::MODELS {
        let bytes = golden::plan(model);
        let plan = Plan::parse(&bytes).expect("the compiler's plans are valid");
        for (isas, threads) in [(IsaSet::GENERIC, 1), (IsaSet::detect(), 1), (IsaSet::detect(), 2)] {
            let pool = ThreadPool::new(threads).expect("threads start");
            let options = SessionOptions { isas, parallel: &pool, ..SessionOptions::default() };
            let mut session = Session::new(plan, options).expect("own models bind without fallback");
            let before = allocations::count();
            for _ in 0..3 {
                session.input_mut(0).fill(0);
                session.run().expect("own models run");
                std::hint::black_box(session.output(0));
            }
            assert_eq!(allocations::count() - before, 0, "{model} with {isas:?} in {threads} threads");
        }
    }
}

/// Copies its input.
struct Copies;

impl External for Copies {
    fn prepare(&mut self, _: &Step<'_>, _: &[u8]) -> bool {
        true
    }

    fn run(&self, _: usize, inputs: &[ExternalTensor<'_>], outputs: &mut [ExternalTensorMut<'_>]) -> bool {
        outputs[0].bytes.copy_from_slice(inputs[0].bytes);
        outputs[0].tensor.dims == inputs[0].tensor.dims
    }
}

/// A plan of one fallback step, from four numbers to four.
fn plan_of_fallback() -> coulter_exec::AlignedBytes {
    let mut builder = PlanBuilder::new("copies");
    let mut tensor = |offset| {
        let dims = &[2, 2];
        builder.tensor(&NewTensor { name: "", dtype: DType::U16, space: Space::Arena, offset, dims, strides: None })
    };
    let (x, y) = (tensor(0), tensor(64));
    builder.memory(128, 0);
    builder.input("x", x);
    builder.output("y", y);
    let params = Params { offset: builder.fallback(b"anything"), length: 8 };
    builder.step("step", &params, &[Some(x)], &[Some(y)], 0);
    engine::aligned(&builder.finish(|_| [0; 32]))
}

#[test]
fn the_executor_allocates_nothing_for_a_fallback_step() {
    let bytes = plan_of_fallback();
    let plan = Plan::parse(&bytes).expect("the plan is valid");
    let mut external = Copies;
    let options = SessionOptions { external: Some(&mut external), ..SessionOptions::default() };
    let mut session = Session::new(plan, options).expect("the step binds");
    session.input_mut(0).copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let before = allocations::count();
    let outcome = session.run();
    assert_eq!(allocations::count() - before, 0);
    assert_eq!(outcome, Ok(()));
    assert_eq!(session.output(0), [1, 2, 3, 4, 5, 6, 7, 8]);
}
