//! Which instruction sets a kernel test really ran.

/// Names of instruction sets, separated by commas, that kernel tests must cover on this machine. Without it a
/// processor that lacks a feature would turn its tests silently green.
pub const EXPECT_ISA: &str = "COULTER_EXPECT_ISA";

/// Prints which of the instruction sets that `family` has kernels for (`offered`) a test `covered`.
///
/// # Panics
/// If one that [`EXPECT_ISA`] names is offered and was not covered, or none was covered at all.
pub fn check(family: &str, offered: &[&str], covered: &[&str]) {
    println!("{family}: covered {} of {}", covered.join(", "), offered.join(", "));
    let expected = std::env::var(EXPECT_ISA).unwrap_or_default();
    let missing = missing(&expected, offered, covered);
    assert!(missing.is_empty() && !covered.is_empty(), "{family}: {EXPECT_ISA} expects {missing:?}, not covered");
}

fn missing<'a>(expected: &'a str, offered: &[&str], covered: &[&str]) -> Vec<&'a str> {
    let names = expected.split(',').map(str::trim);
    names.filter(|name| offered.contains(name) && !covered.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn names_what_is_offered_and_not_covered() {
        assert_eq!(missing("neon, avx2,generic", &["avx2", "generic"], &["generic"]), ["avx2"]);
        assert!(missing("", &["avx2"], &[]).is_empty());
    }
}
