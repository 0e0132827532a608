//! An int8 plan gives the same bits on every instruction set, in any number of threads.

use std::path::{Path, PathBuf};

use coulter_compile::CompileOptions;
use coulter_exec::threads::ThreadPool;
use coulter_exec::{Session, SessionOptions, verify};
use coulter_kernels::{Isa, IsaSet};
use coulter_plan::{OpCode, Plan};

use crate::engine;

/// Seeded bytes, of every value.
fn noise(seed: u64, bytes: &mut [u8]) {
    let mut state = seed;
    for byte in bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
}

/// The bytes of all outputs for the inputs of the golden case, and, where inputs are bytes, for random ones.
fn outputs(plan: &Plan<'_>, isas: IsaSet, threads: usize) -> Vec<Vec<u8>> {
    let pool = ThreadPool::new(threads).expect("threads start");
    let options = SessionOptions { isas, parallel: &pool, ..SessionOptions::default() };
    let mut session = Session::new(*plan, options).expect("the plan binds without fallback");
    let mut all = Vec::new();
    for case in 0..4 {
        for (i, port) in plan.inputs().enumerate() {
            session.input_mut(i).copy_from_slice(plan.golden(0).input(i));
            if case > 0 && port.tensor.dtype.size() == 1 {
                noise(case, session.input_mut(i));
            }
        }
        session.run().expect("the plan runs");
        all.extend((0..plan.output_count()).map(|i| session.output(i).to_vec()));
    }
    all
}

/// Fails where an instruction set or a number of threads shows in the outputs, or in what any step computes.
pub fn assert_same_bits(name: &str, bytes: &[u8]) {
    let plan = Plan::parse(bytes).expect("the compiler's plans are valid");
    let is_int8 = |code| matches!(code, OpCode::QConv2d | OpCode::QWinogradConv2d | OpCode::QFullyConnected);
    assert!(plan.steps().any(|step| is_int8(step.code)), "{name} is int8");
    assert_eq!(plan.golden_tolerance(), 0.0, "{name} is exact");
    let reference = outputs(&plan, IsaSet::GENERIC, 1);
    for cap in Isa::ALL.into_iter().filter(|&isa| IsaSet::detect().contains(isa)) {
        let isas = IsaSet::detect().capped(cap);
        for threads in [1, 2] {
            let same = outputs(&plan, isas, threads) == reference;
            assert!(same, "{name}: other bits on {} in {threads} threads", cap.name());
        }
        let mut session = Session::new(plan, SessionOptions { isas, ..SessionOptions::default() }).expect("it binds");
        assert_eq!(verify::first_wrong_step(&mut session), Ok(None), "{name} on {}", cap.name());
    }
}

/// The files `name` in the folders of real models.
fn shared(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models");
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = folders.map(|entry| entry.path().join(name)).filter(|file| file.is_file()).collect();
    files.sort();
    if files.is_empty() {
        println!("skipped: ../shared/models is absent");
    }
    files
}

#[test]
fn quantized_models_give_the_same_bits_everywhere() {
    for file in shared("model_int8_qdq.onnx") {
        let options = CompileOptions { forbid_fallback: true, ..CompileOptions::default() };
        let compiled = engine::compile(&file, &options).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_same_bits(&file.display().to_string(), &engine::aligned(&compiled.plan));
    }
}

#[test]
fn tiles_give_the_bytes_of_direct_convolutions() {
    for file in shared("model_int8_qdq.onnx") {
        let [tiled, direct] = [true, false].map(|winograd_int8| {
            let options = CompileOptions { winograd_int8, ..CompileOptions::default() };
            let compiled = engine::compile(&file, &options).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            engine::aligned(&compiled.plan)
        });
        let [tiled, direct] =
            [&tiled, &direct].map(|bytes| Plan::parse(bytes).expect("the compiler's plans are valid"));
        assert!(direct.steps().all(|step| step.code != OpCode::QWinogradConv2d));
        let same = outputs(&tiled, IsaSet::detect(), 1) == outputs(&direct, IsaSet::detect(), 1);
        assert!(same, "{}: other bytes in tiles", file.display());
        if file.to_string_lossy().contains("resnet") {
            assert!(tiled.steps().any(|step| step.code == OpCode::QWinogradConv2d), "{}", file.display());
            assert_same_bits(&format!("{} in tiles", file.display()), tiled.bytes());
        }
    }
}

#[test]
fn small_arenas_give_the_same_bytes() {
    /// Least bytes of arena known to do for some of the models.
    const MOST: [(&str, usize); 4] =
        [("kws_dscnn", 9216), ("vww_mobilenetv1", 38_912), ("ic_resnet8", 32_768), ("ad_fcae", 768)];
    for file in shared("model_int8_qdq.onnx") {
        let [small, plain] = [true, false].map(|small_arena| {
            let options = CompileOptions { small_arena, ..CompileOptions::default() };
            let compiled = engine::compile(&file, &options).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            engine::aligned(&compiled.plan)
        });
        let [small, plain] = [&small, &plain].map(|bytes| Plan::parse(bytes).expect("the compiler's plans are valid"));
        let name = file.to_string_lossy();
        assert!(small.arena_bytes() <= plain.arena_bytes(), "{name}");
        let most = MOST.iter().find(|(part, _)| name.contains(part));
        assert!(most.is_none_or(|(_, most)| small.arena_bytes() <= *most), "{name}: {} bytes", small.arena_bytes());
        if most.is_some() {
            assert_same_bits(&format!("{name} in a small arena"), small.bytes());
        }
        let same = outputs(&small, IsaSet::detect(), 2) == outputs(&plain, IsaSet::detect(), 1);
        assert!(same, "{name}: other bytes in a small arena");
    }
}
