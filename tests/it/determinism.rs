//! The same model gives the same plan, and the same plan the same answers.

use coulter_exec::SessionOptions;
use coulter_kernels::{Isa, IsaSet};

use crate::engine::Runner;
use crate::{engine, golden, npz};

#[test]
fn compiling_twice_gives_the_same_bytes() {
    for (model, ..) in golden::MODELS {
        assert!(golden::plan(model)[..] == golden::plan(model)[..], "{model} compiles to different plans");
    }
}

#[test]
fn every_instruction_set_gives_the_same_answer() {
    for (model, input, output) in golden::MODELS {
        let golden = npz::read(&golden::file(model, "golden.npz"));
        let x = npz::named(&golden, input).row(0);
        let plan = golden::plan(model);
        let run = |isas| {
            let runner = Runner::with_options(&plan, SessionOptions { isas, ..SessionOptions::default() });
            runner.expect("own models bind").run(&[(input, &x)]).expect("own models run")
        };
        let reference = run(IsaSet::GENERIC);
        for cap in Isa::ALL.into_iter().filter(|&isa| IsaSet::detect().contains(isa)) {
            let got = run(IsaSet::detect().capped(cap));
            let what = format!("{model} on {}", cap.name());
            engine::assert_close(npz::named(&got, output), npz::named(&reference, output), 1e-5, &what);
        }
    }
}
