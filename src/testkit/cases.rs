//! How many random cases a test runs.

/// One of how many random cases is run: a number, set where tests run under emulation, 1 without it.
pub const ONE_OF: &str = "COULTER_TEST_ONE_OF";

/// `native` cases, or the share of them that [`ONE_OF`] leaves, at least one.
pub fn cases(native: usize) -> usize {
    share(native, std::env::var(ONE_OF).ok().as_deref())
}

fn share(native: usize, one_of: Option<&str>) -> usize {
    let one_of = one_of.and_then(|n| n.parse().ok()).unwrap_or(1).max(1);
    native.div_ceil(one_of)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_never_nothing() {
        assert_eq!([None, Some("1"), Some("0"), Some("?")].map(|one_of| share(200, one_of)), [200; 4]);
        assert_eq!([Some("3"), Some("1000")].map(|one_of| share(200, one_of)), [67, 1]);
    }
}
