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

/// Files of a control group's memory: the folder of its tree, its limit, what is used, and the words before the pages of
/// files that its statistics tell.
struct Version {
    tree: &'static str,
    most: &'static str,
    used: &'static str,
    files: [&'static str; 2],
}

/// One tree for everything.
const V2: Version = Version {
    tree: "fs/cgroup",
    most: "memory.max",
    used: "memory.current",
    files: ["inactive_file ", "active_file "],
};

/// A tree for memory alone.
const V1: Version = Version {
    tree: "fs/cgroup/memory",
    most: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    files: ["total_inactive_file ", "total_active_file "],
};

/// The least that a group of this process, or one around it, has left, in either version of control groups.
fn group(proc: &Path, sysfs: &Sysfs) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    // Lines are hierarchy:controllers:path.
    let paths = |has: fn(&str) -> bool| {
        text.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            fields.next().filter(|controllers| has(controllers))?;
            fields.next()
        })
    };
    let whole = paths(str::is_empty).unwrap_or_default();
    let memory = paths(|controllers| controllers.split(',').any(|name| name == "memory")).unwrap_or_default();
    let of = |version: &Version, path: &str| least_left(sysfs, version, path);
    of(&V2, whole).into_iter().chain(of(&V1, memory)).min()
}

/// The least that a group and those around it have left. Pages of files are given back on demand, so that they do not
/// count.
fn least_left(sysfs: &Sysfs, version: &Version, path: &str) -> Option<u64> {
    let mut path = path.trim_matches('/');
    let mut least: Option<u64> = None;
    loop {
        let file = |name: &str| sysfs.text(&format!("{}/{path}/{name}", version.tree));
        if let Some(most) = file(version.most).and_then(|text| text.parse::<u64>().ok()) {
            let used = file(version.used).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            let stat = file("memory.stat").unwrap_or_default();
            let files: u64 = version.files.iter().filter_map(|name| field(&stat, name)).sum();
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
    #[test]
    fn groups_of_the_first_version_count() {
        let root = tree(
            "first",
            &[
                ("meminfo", "MemAvailable:    3000 kB\n"),
                ("self/cgroup", "12:cpu,cpuacct:/x\n9:memory:/docker/box\n1:name=systemd:/x\n0::/x\n"),
                ("fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("fs/cgroup/memory/memory.usage_in_bytes", "100000000\n"),
                ("fs/cgroup/memory/docker/box/memory.limit_in_bytes", "1800000\n"),
                ("fs/cgroup/memory/docker/box/memory.usage_in_bytes", "1500000\n"),
                (
                    "fs/cgroup/memory/docker/box/memory.stat",
                    "inactive_file 7\nactive_file 7\ntotal_inactive_file 100000\ntotal_active_file 200000\n",
                ),
            ],
        );
        let group = Available { bytes: 600_000, says: "the control group's memory limit" };
        assert_eq!(available(&root, &Sysfs::new(&root)), Some(group));
        std::fs::remove_dir_all(root).expect("the test's own folder");
    }

    #[test]
    fn a_group_that_limits_nothing_leaves_what_the_system_has() {
        let root = tree(
            "unlimited",
            &[
                ("meminfo", "MemAvailable:    3000 kB\n"),
                ("self/cgroup", "4:memory:/\n"),
                ("fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("fs/cgroup/memory/memory.usage_in_bytes", "100000000\n"),
            ],
        );
        let system = Available { bytes: 3000 * 1024, says: "MemAvailable" };
        assert_eq!(available(&root, &Sysfs::new(&root)), Some(system));
        std::fs::remove_dir_all(root).expect("the test's own folder");
    }
}
