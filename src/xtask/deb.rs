//! Debian packages, made by `dpkg-deb` from a staged tree, and checksums of what is shipped.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist::{self, FULL, Program};
use crate::process::{self, Result};
use crate::target::Target;

/// Files of a package: where they go, their mode, their text. `@NAME@`, `@SUMMARY@` and `@VERSION@` stand for the
/// program's.
const FILES: [(&str, u32, &str); 5] = [
    ("usr/lib/systemd/system/@NAME@@.service", 0o644, include_str!("packaging/verify.service")),
    ("etc/default/@NAME@", 0o644, include_str!("packaging/default")),
    ("usr/share/doc/@NAME@/copyright", 0o644, include_str!("packaging/copyright")),
    ("usr/share/man/man1/@NAME@.1", 0o644, include_str!("packaging/manual.1")),
    ("usr/share/lintian/overrides/@NAME@", 0o644, include_str!("packaging/overrides")),
];

/// What dpkg is told and asked to run.
const CONTROL: [(&str, u32, &str); 4] = [
    ("DEBIAN/control", 0o644, include_str!("packaging/control")),
    ("DEBIAN/conffiles", 0o644, "/etc/default/@NAME@\n"),
    ("DEBIAN/postinst", 0o755, include_str!("packaging/reload")),
    ("DEBIAN/postrm", 0o755, include_str!("packaging/reload")),
];

/// Packs a program with its service, manual and bill of materials; gives the package.
///
/// # Errors
/// What could not be written, or what dpkg-deb has against it.
pub fn pack(program: &Program, target: &Target, binary: &Path, bill: &Path) -> Result<PathBuf> {
    println!("== package of {} for {}", program.name, target.debian);
    let out = dist::folder(target);
    let stage = out.join("stage").join(program.name);
    if stage.exists() {
        std::fs::remove_dir_all(&stage).map_err(|e| format!("{}: {e}", stage.display()))?;
    }
    let tree = Tree { root: &stage, program, target };
    for (place, mode, text) in FILES {
        tree.write(place, mode, tree.filled(text).as_bytes())?;
    }
    let date = commit_date("%cD")?;
    let changes = format!("{}\n -- {MAINTAINER}  {date}\n", tree.filled(include_str!("packaging/changelog")));
    tree.write("usr/share/doc/@NAME@/changelog", 0o644, changes.as_bytes())?;
    for (place, source) in [("usr/bin/@NAME@", binary), ("usr/share/doc/@NAME@/sbom.cdx.json", bill)] {
        let bytes = std::fs::read(source).map_err(|e| format!("{}: {e}", source.display()))?;
        tree.write(place, if source == binary { 0o755 } else { 0o644 }, &bytes)?;
    }
    tree.folder("var/lib/coulter")?;
    for place in ["usr/share/doc/@NAME@/changelog", "usr/share/man/man1/@NAME@.1"] {
        run(Command::new("gzip").arg("-9n").arg(tree.place(place)))?;
    }
    tree.control()?;

    let package = out.join(format!("{}_{}_{}.deb", program.name, env!("CARGO_PKG_VERSION"), target.debian));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zxz", "--build"]).arg(&stage).arg(&package);
    // Two builds of a commit have the same bytes.
    build.env("SOURCE_DATE_EPOCH", commit_date("%ct")?);
    run(&mut build)?;
    std::fs::remove_dir_all(out.join("stage")).map_err(|e| format!("{}: {e}", stage.display()))?;
    Ok(package)
}

/// Writes SHA256SUMS over what lies in a folder.
///
/// # Errors
/// What could not be read or written.
pub fn sums(folder: &Path) -> Result<()> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(failed)?.flatten();
    let names = entries.filter(|e| e.path().is_file()).map(|e| e.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != "SHA256SUMS").collect();
    names.sort();
    let sums = run(Command::new("sha256sum").args(names).current_dir(folder))?;
    std::fs::write(folder.join("SHA256SUMS"), sums + "\n").map_err(failed)
}

/// Who answers for the packages.
const MAINTAINER: &str = "Coulter maintainers <maintainers@coulter.invalid>";

/// The tree that becomes a package.
struct Tree<'a> {
    root: &'a Path,
    program: &'a Program,
    target: &'a Target,
}

impl Tree<'_> {
    fn filled(&self, text: &str) -> String {
        let provides = if self.program.name == FULL.name { "compile, check, diff, " } else { "" };
        text.replace("@NAME@", self.program.name)
            .replace("@SUMMARY@", self.program.summary)
            .replace("@VERBS@", provides)
            .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
            .replace("@ARCHITECTURE@", self.target.debian)
            .replace("@MAINTAINER@", MAINTAINER)
    }

    fn place(&self, place: &str) -> PathBuf {
        self.root.join(self.filled(place))
    }

    /// Makes a folder and those above it, open to all whatever the umask is.
    fn folder(&self, place: &str) -> Result<()> {
        let mut at = self.root.to_path_buf();
        for part in std::iter::once("").chain(place.split('/')) {
            at.push(part);
            std::fs::create_dir_all(&at)
                .and_then(|()| permit(&at, 0o755))
                .map_err(|e| format!("{}: {e}", at.display()))?;
        }
        Ok(())
    }

    fn write(&self, place: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        let place = self.filled(place);
        self.folder(place.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        let file = self.root.join(&place);
        std::fs::write(&file, bytes).and_then(|()| permit(&file, mode)).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// Writes what dpkg reads; the other files have to be there.
    fn control(&self) -> Result<()> {
        let mut sums = Command::new("sh");
        sums.args(["-c", "find usr -type f | LC_ALL=C sort | xargs md5sum"]).current_dir(self.root);
        let sums = run(&mut sums)? + "\n";
        let kilobytes = run(Command::new("du").args(["-sk", "--apparent-size", "."]).current_dir(self.root))?;
        let kilobytes = kilobytes.split_whitespace().next().unwrap_or("0").to_owned();
        for (place, mode, text) in CONTROL {
            self.write(place, mode, self.filled(text).replace("@KIB@", &kilobytes).as_bytes())?;
        }
        self.write("DEBIAN/md5sums", 0o644, sums.as_bytes())
    }
}

/// When the last commit was made.
fn commit_date(format: &str) -> Result<String> {
    run(Command::new("git").args(["log", "-1", &format!("--format={format}")]).current_dir(process::root()))
}

fn permit(path: &Path, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Runs a command and gives what it prints, without the end of the last line.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
