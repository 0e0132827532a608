//! The folder `boards/` and what is made of it.

use std::path::Path;

use coulter_plan::builder::{NewTensor, PlanBuilder};
use coulter_plan::format::ALIGN;
use coulter_plan::ops::fully_connected;
use coulter_plan::{Activation, DType, Plan, Space};

use super::*;
use crate::table::TEXTS;

const BOARD: &str = include_str!("../../boards/raspberry-pi-4/board.toml");

#[test]
fn every_folder_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("board.toml").is_file())
        .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    let mut known: Vec<&str> = TEXTS.iter().map(|(id, _)| *id).collect();
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(found, known, "a board needs its line in table.rs");
}

#[test]
fn every_description_is_sound_and_has_a_cost() {
    for (id, text) in TEXTS {
        let board = Board::parse(id, text).unwrap_or_else(|e| panic!("{e}"));
        assert!(
            Cost::of(&board).is_some(),
            "{id}: cost.toml knows no {} with {:?}",
            board.core.model,
            board.best_isa()
        );
        assert!(
            board.sensors.power.is_empty() == board.sensors.why_no_power.is_some(),
            "{id}: say why there is no power"
        );
    }
    assert_eq!(all().len(), TEXTS.len());
}

#[test]
fn descriptions_without_sense_are_refused() {
    for (from, to) in [
        ("share = 0.5", "share = 1.5"),
        ("ram-mib = [1024, 2048, 4096, 8192]", "ram-mib = []"),
        ("ram-mib = [1024, 2048, 4096, 8192]", "ram-mib = [2048, 1024]"),
        ("ram-mib = [1024, 2048, 4096, 8192]", "ram-mib = [9223372036854775807]"),
        ("gb-per-s = 12.8", "gb-per-s = nan"),
        ("count = 4", "count = 0"),
        ("isas = [\"neon\"]", "isas = [\"neno\"]"),
        ("mhz = 1500", "mhz = 1500\ncolour = 3"),
    ] {
        assert!(BOARD.contains(from), "{from}");
        assert!(Board::parse("board", &BOARD.replace(from, to)).is_err(), "{to}");
    }
}

#[test]
fn boards_are_known_by_their_device_trees() {
    let found = |compatible: &[u8]| matching(compatible).map(|board| board.id.as_str());
    assert_eq!(found(b"raspberrypi,4-model-b\0brcm,bcm2711\0"), Some("raspberry-pi-4"));
    assert_eq!(found(b"nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0"), Some("jetson-orin-nano"));
    assert_eq!(found(b"acme,board\0"), None);
    assert_eq!(found(b""), None);
}

#[test]
fn what_does_not_fit_tells_by_how_much() {
    let board = find("raspberry-pi-zero-2w").expect("a board");
    let needs = Needs { arena: board.usable_bytes(), state: 0, plan: 0, program: 0 };
    assert_eq!(needs.on(board), Ok(()));
    let misfit = Needs { plan: 1, ..needs }.on(board).expect_err("one byte too many");
    assert_eq!((misfit.usable, misfit.ram), (board.usable_bytes(), 512 << 20));
    assert_eq!(Needs { arena: u64::MAX, ..needs }.total(), u64::MAX);
}

/// 64 rows of 250 numbers multiplied with 250 × 100 weights, in panels of 16 columns.
fn product() -> (Vec<u8>, u64) {
    let mut builder = PlanBuilder::new("product");
    builder.memory(64 * (256 + 112) * 4, 0);
    let at = builder.weights(&vec![0; 250 * 112 * 4]);
    let mut tensor = |space, offset, dims: &[u32]| {
        builder.tensor(&NewTensor { name: "", dtype: DType::F32, space, offset, dims, strides: None })
    };
    let x = tensor(Space::Arena, 0, &[64, 250]);
    let w = tensor(Space::Weights, at, &[250 * 112]);
    let y = tensor(Space::Arena, 64 * 256 * 4, &[64, 100]);
    builder.input("x", x);
    builder.output("y", y);
    let params = fully_connected::Params { activation: Activation::IDENTITY };
    builder.step("product", &params, &[Some(x), Some(w), None, None], &[Some(y)], 64 * 250 * 100);
    (builder.finish(|_| [0; 32]), 64 * 250 * 112)
}

/// A copy that begins at a multiple of what a plan must begin at.
fn aligned(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut copy = vec![0; bytes.len() + ALIGN];
    let at = copy.as_ptr().align_offset(ALIGN);
    copy[at..at + bytes.len()].copy_from_slice(bytes);
    (copy, at)
}

#[test]
fn padded_panels_are_counted_and_faster_cores_take_less() {
    let (bytes, products) = product();
    let (copy, at) = aligned(&bytes);
    let plan = Plan::parse(&copy[at..at + bytes.len()]).expect("a plan");
    let ns = |id: &str| {
        let board = find(id).unwrap_or_else(|| panic!("{id}"));
        let prediction = Cost::of(board).expect("a known core").predict(&plan);
        let step = prediction.steps[0];
        assert_eq!((step.multiplications, step.elements), (products, 64 * 250));
        assert_eq!(step.bytes, 4 * (64 * 250 + 250 * 112 + 64 * 100));
        assert!(prediction.total_ns().is_finite());
        prediction.total_ns()
    };
    let order = ["raspberry-pi-zero-2w", "raspberry-pi-3b-plus", "raspberry-pi-4", "raspberry-pi-5", "x86-server"];
    for pair in order.windows(2) {
        assert!(ns(pair[0]) > ns(pair[1]), "{pair:?}");
    }
}

#[test]
fn what_was_not_measured_is_told_so() {
    for board in all() {
        let cost = Cost::of(board).expect("a known core");
        let (bytes, _) = product();
        let (copy, at) = aligned(&bytes);
        let plan = Plan::parse(&copy[at..at + bytes.len()]).expect("a plan");
        let told = cost.predict(&plan).confidence.to_string();
        assert_eq!(told.contains("not measured"), !cost.is_measured(), "{}: {told}", board.id);
        assert_eq!(cost.is_measured(), ["zen3", "zen4"].contains(&board.core.model.as_str()), "{}", board.id);
    }
}
