//! What the system tells of this process, and statistics of times.

/// Highest resident memory of this process, in bytes; `None` where the system does not tell.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// The value below which `percent` of the sorted times lie; 0 where there are none.
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let index = (sorted.len().saturating_sub(1) * percent + 50) / 100;
    sorted.get(index).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let times: Vec<u64> = (0..=100).collect();
        assert_eq!((percentile(&times, 0), percentile(&times, 50), percentile(&times, 99)), (0, 50, 99));
        assert_eq!((percentile(&[7], 10), percentile(&[], 50)), (7, 0));
    }
}
