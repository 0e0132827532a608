//! `coulter sign`

use std::io::Write;
use std::path::Path;

use coulter_plan::Plan;
use coulter_update::{HEADER_BYTES, Header, PublicKey};
use serde_json::json;

use crate::error::{CliError, Result};
use crate::flags::{SignSlotArgs, SignVerb};
use crate::output::{self, hex, say};
use crate::{files, map};

/// Makes a key, or signs a plan for a slot.
pub fn run(verb: &SignVerb, as_json: bool) -> Result<()> {
    match verb {
        SignVerb::Key { output } => key(output, as_json),
        SignVerb::Slot(args) => slot(args, as_json),
    }
}

fn key(path: &Path, as_json: bool) -> Result<()> {
    let failed = |e: std::io::Error| CliError::failed(format!("cannot write {}: {e}", path.display()));
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| CliError::failed(format!("the system gives no random numbers: {e}")))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::failed(format!("{} is there already", path.display()))
            .hint("a key that devices know cannot be made again: choose another name"),
        _ => failed(e),
    })?;
    file.write_all(format!("{}\n", hex(&secret)).as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let public = Header::public_key(&secret);
    if as_json {
        output::json(&json!({ "secret": path, "public": hex(&public) }));
    } else {
        say!("The secret key is in {}: keep it where devices are not.", path.display());
        say!("For the firmware:");
        say!("pub const KEY: [u8; 32] = {public:?};");
    }
    Ok(())
}

fn slot(args: &SignSlotArgs, as_json: bool) -> Result<()> {
    let secret = secret(&args.key)?;
    let product = product(&args.product)?;
    let bytes = map::file(&args.plan)?;
    Plan::parse(&bytes).map_err(|e| CliError::failed(format!("{} is no plan: {e}", args.plan.display())))?;
    let header = Header::of(&bytes, args.plan_version, product)
        .ok_or_else(|| CliError::failed(format!("{} has more than 4 GiB", args.plan.display())))?;
    let signed = header.sign(&secret);
    let failed = |e: std::io::Error| CliError::failed(format!("cannot write {}: {e}", args.output.display()));
    files::write(&args.output, &[&signed[..], &bytes].concat()).map_err(failed)?;
    let public: PublicKey = Header::public_key(&secret);
    if as_json {
        output::json(&json!({
            "signed": args.output, "version": header.version, "product": args.product, "plan_bytes": header.plan_bytes,
            "header_bytes": HEADER_BYTES, "sha256": hex(&header.digest), "public": hex(&public),
        }));
    } else {
        say!(
            "{}: version {} for {:?}, {} of plan behind {HEADER_BYTES} bytes of header",
            args.output.display(),
            header.version,
            args.product,
            output::bytes(u64::from(header.plan_bytes)),
        );
    }
    Ok(())
}

fn secret(path: &Path) -> Result<[u8; 32]> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| CliError::failed(format!("cannot read the key {}: {e}", path.display())))?;
    unhex(text.trim()).ok_or_else(|| {
        CliError::failed(format!("{} is no secret key: 64 hexadecimal digits are expected", path.display()))
            .hint("make one: coulter sign key -o FILE")
    })
}

fn product(name: &str) -> Result<[u8; 16]> {
    let mut product = [0; 16];
    if name.is_empty() || name.len() > product.len() {
        return Err(CliError::usage(format!("--product {name:?} has {} bytes: 1 to 16 are possible", name.len())));
    }
    product.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    Ok(product)
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}
