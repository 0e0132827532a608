//! Numbers and tables for people.

use std::fmt::Display;
use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Prints a line on standard output. Who closes it has read enough: the program then ends as if it were done.
macro_rules! say {
    () => { $crate::output::line(format_args!("")) };
    ($($words:tt)*) => { $crate::output::line(format_args!($($words)*)) };
}
pub(crate) use say;

/// See [`say`].
pub(crate) fn line(words: std::fmt::Arguments<'_>) {
    match writeln!(std::io::stdout().lock(), "{words}") {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: cannot write to standard output: {error}");
            std::process::exit(1)
        }
    }
}

/// Prints one JSON object, and nothing else, on standard output.
pub fn json(value: &serde_json::Value) {
    say!("{value}");
}

/// A table with a header; columns named in `right` are right-aligned.
pub fn table(header: &[&str], right: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for (i, name) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(i).filter(|_| right.contains(name)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Bytes in the unit that suits them.
pub fn bytes(n: u64) -> String {
    match n {
        0..=9999 => format!("{n} B"),
        10_000..=9_999_999 => format!("{:.1} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / 1024.0 / 1024.0),
    }
}

/// A duration in the unit that suits it.
pub fn duration(ns: u64) -> String {
    let ns = ns as f64;
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.1} µs", ns / 1e3),
        ..1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

/// A count in the unit that suits it.
pub fn count(n: u64) -> String {
    match n {
        0..=9999 => n.to_string(),
        10_000..=9_999_999 => format!("{:.1} k", n as f64 / 1e3),
        _ => format!("{:.1} M", n as f64 / 1e6),
    }
}

/// Dimensions: `1×224×224×3`; a scalar is `scalar`.
pub fn shape<D: Display>(dims: &[D]) -> String {
    if dims.is_empty() {
        return "scalar".into();
    }
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// One and many: `1 sample`, `2 samples`.
pub fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// At most so many characters, an ellipsis standing for what is left out.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_suit_the_numbers() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(123_456), "120.6 KiB");
        assert_eq!(duration(1_500), "1.5 µs");
        assert_eq!(duration(12_345_678), "12.35 ms");
        assert_eq!(count(300_775_552), "300.8 M");
        assert_eq!(shape(&[1, 3]), "1×3");
        assert_eq!(plural(1, "step"), "1 step");
    }
}
