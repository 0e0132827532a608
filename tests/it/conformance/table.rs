//! The support table in the docs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::{Outcome, Row};

const PAGE: &str = "docs/onnx-support.md";

#[derive(Default)]
struct Tally {
    cases: usize,
    native: usize,
    fallback: usize,
    refused: usize,
    wrong: usize,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.cases += 1;
        match outcome {
            Outcome::Native => self.native += 1,
            Outcome::Fallback => self.fallback += 1,
            Outcome::Refused(_) | Outcome::Panicked(_) | Outcome::Hung => self.refused += 1,
            Outcome::Wrong(_) => self.wrong += 1,
        }
    }

    fn passed(&self) -> usize {
        self.native + self.fallback
    }
}

/// The page.
pub fn render(rows: &[Row]) -> String {
    let (mut ours, mut tract) = (Tally::default(), Tally::default());
    let mut operators: BTreeMap<&str, (Tally, Tally)> = BTreeMap::new();
    for row in rows {
        ours.add(&row.coulter);
        tract.add(&row.tract);
        let of_operator = operators.entry(&row.operator).or_default();
        of_operator.0.add(&row.coulter);
        of_operator.1.add(&row.tract);
    }
    let mut page = String::from(HEAD);
    for (name, t) in [("coulter", &ours), ("tract 0.23.9", &tract)] {
        let _ = writeln!(page, "| {name} | {} | {} | {} | {} |", t.cases, t.passed(), t.refused, t.wrong);
    }
    let _ = writeln!(
        page,
        "\nOf coulter's, {} run natively and {} with steps in tract-core.\n",
        ours.native, ours.fallback
    );
    page.push_str(
        "| operator | cases | native | fallback | refused | tract passes |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for (operator, (ours, tract)) in &operators {
        let [cases, native, fallback, refused, passes] =
            [ours.cases, ours.native, ours.fallback, ours.refused, tract.passed()];
        let _ = writeln!(page, "| {operator} | {cases} | {native} | {fallback} | {refused} | {passes} |");
    }
    page
}

const HEAD: &str = "\
# ONNX operators

Written by `cargo xtask docs` from a run of the node cases that come with the Python package onnx 1.17.0, through the
compiler and the executor on a host, with fallback allowed; a test fails when this page is stale. A case passes when
every output has the expected type and shape, equal integers, and floats within 1e-5 + 1e-3·|expected|. Models that
spell an operator out in simpler ones count under its name.

| | cases | pass | refused with an error | wrong answers |
|---|---:|---:|---:|---:|
";

/// One line a case, for a person at work.
pub fn log(rows: &[Row]) -> String {
    let flat = |text: &str| text.replace(['\n', '\t'], " ");
    let mut log = String::from("case\toperator\tcoulter\tdetail\ttract\tdetail\n");
    for r in rows {
        let (ours, tract) = (flat(r.coulter.detail()), flat(r.tract.detail()));
        let _ = writeln!(log, "{}\t{}\t{}\t{ours}\t{}\t{tract}", r.case, r.operator, r.coulter.word(), r.tract.word());
    }
    log
}

/// Fails if the committed page is another; writes it where `COULTER_WRITE_DOCS` is set.
pub fn compare_with_docs(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("COULTER_WRITE_DOCS").is_some() {
        std::fs::write(&path, page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = committed.lines().zip(page.lines()).find(|(a, b)| a != b);
    assert!(committed == page, "{PAGE} is stale: run `cargo xtask docs`; first difference: {differing:?}");
}
