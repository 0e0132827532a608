//! Nothing is allocated once a plan is bound.

use coulter_exec::{Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::Plan;
use coulter_cli::allocations;

use crate::golden;

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
        for isas in [IsaSet::GENERIC, IsaSet::detect()] {
            let options = SessionOptions { isas, ..SessionOptions::default() };
            let mut session = Session::new(plan, options).expect("own models bind without fallback");
            let before = allocations::count();
            for _ in 0..3 {
                session.input_mut(0).fill(0);
                session.run().expect("own models run");
                std::hint::black_box(session.output(0));
            }
            assert_eq!(allocations::count() - before, 0, "{model} with {isas:?}");
        }
    }
}
