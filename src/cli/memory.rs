//! Whether there is memory for a plan's arena, before it is asked for.

use std::path::Path;

use coulter_governor::Sysfs;
use coulter_plan::Plan;

use crate::error::{CliError, Result};
use crate::{environment, output};

/// Memory that may still be taken, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Available {
    bytes: u64,
    says: &'static str,
}

/// Refuses a plan whose arena and state do not fit in what this machine, or this process's control group, has left.
///
/// # Errors
/// What is needed, what there is, and what to do.
pub fn enough_for(plan: &Plan<'_>) -> Result<()> {
    let needed = plan.arena_bytes() as u64 + plan.state_bytes() as u64;
    match available(Path::new("/proc"), &environment::sysfs()) {
        Some(Available { bytes, says }) if needed > bytes => Err(CliError::failed(format!(
            "the plan needs {} for its arena and state, and {} are left ({says})",
            output::bytes(needed),
            output::bytes(bytes)
        ))
        .hint(format!(
            "end other programs or raise the limit; or compile the model again for less memory: \
             coulter compile {}.onnx --int8 --calibrate …, with smaller --dim, or with --no-winograd",
            plan.name()
        ))),
        _ => Ok(()),
    }
}

/// The least of what the system and the control groups of this process have left; `None` where nobody tells.
fn available(proc: &Path, sysfs: &Sysfs) -> Option<Available> {
    let system = system(proc).map(|bytes| Available { bytes, says: "MemAvailable" });
    let group = group(proc, sysfs).map(|bytes| Available { bytes, says: "the control group's memory limit" });
    system.into_iter().chain(group).min_by_key(|available| available.bytes)
}

fn system(proc: &Path) -> Option<u64> {
    field(&std::fs::read_to_string(proc.join("meminfo")).ok()?, "MemAvailable:")?.checked_mul(1024)
}

/// The number behind a word at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The least that a group of this process, or one around it, has left. Pages of files are given back on demand, so
/// that they do not count.
fn group(proc: &Path, sysfs: &Sysfs) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let mut path = text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().trim_matches('/');
    let mut least: Option<u64> = None;
    loop {
        let file = |name: &str| sysfs.text(&format!("fs/cgroup/{path}/{name}"));
        if let Some(most) = file("memory.max").and_then(|text| text.parse::<u64>().ok()) {
            let used = file("memory.current").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            let stat = file("memory.stat").unwrap_or_default();
            let files = field(&stat, "inactive_file ").unwrap_or(0) + field(&stat, "active_file ").unwrap_or(0);
            let left = most.saturating_sub(used.saturating_sub(files));
            least = Some(least.map_or(left, |least| least.min(left)));
        }
        if path.is_empty() {
            return least;
        }
        path = path.rsplit_once('/').map_or("", |(around, _)| around);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes files below a folder of this test's own.
    fn tree(test: &str, files: &[(&str, &str)]) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("coulter-memory-{}-{test}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("files lie in folders")).expect("a folder can be made");
            std::fs::write(path, text).expect("a file can be written");
        }
        root
    }

    #[test]
    fn the_least_of_system_and_groups_counts() {
        let root = tree(
            "least",
            &[
                ("meminfo", "MemTotal:  4000 kB\nMemAvailable:    3000 kB\n"),
                ("self/cgroup", "0::/a/b\n"),
                ("fs/cgroup/a/b/memory.max", "max\n"),
                ("fs/cgroup/a/memory.max", "2000000\n"),
                ("fs/cgroup/a/memory.current", "1500000\n"),
                ("fs/cgroup/a/memory.stat", "anon 1000000\nfile 500000\ninactive_file 300000\nactive_file 200000\n"),
                ("fs/cgroup/memory.max", "2500000\n"),
            ],
        );
        let sysfs = Sysfs::new(&root);
        let group = Available { bytes: 1_000_000, says: "the control group's memory limit" };
        assert_eq!(available(&root, &sysfs), Some(group));
        let alone = Sysfs::new(root.join("none"));
        assert_eq!(available(&root, &alone), Some(Available { bytes: 3000 * 1024, says: "MemAvailable" }));
        assert_eq!(available(&root.join("none"), &alone), None);
        std::fs::remove_dir_all(root).expect("the test's own folder");
    }
}
