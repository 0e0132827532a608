//! The command line: see the crate `coulter-cli`.

fn main() {}
