//! Compiles ONNX models, and keeps the plans.

use std::path::Path;
use std::time::UNIX_EPOCH;

use coulter_compile::{CompileOptions, Compiled};
use coulter_exec::AlignedBytes;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::flags::CompileFlags;
use crate::map::{self, PlanBytes};
use crate::progress::Progress;
use crate::{describe, environment, files, output};

/// A model's fingerprint, and how to compile it.
pub struct Source {
    /// SHA-256 of the ONNX file and of the files with weights that it names.
    pub fingerprint: [u8; 32],
    /// Options.
    pub options: CompileOptions,
}

impl Source {
    /// Reads the model's fingerprint and description.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(onnx: &Path, flags: &CompileFlags) -> Result<Self> {
        let peek = coulter_compile::peek(onnx)?;
        let base = describe::beside(onnx, &output::hex(&peek.sha256))?;
        let first = |names: &[String]| names.first().cloned();
        let (input, output) = (first(&peek.inputs), first(&peek.outputs));
        let description = flags.pipeline.apply(base, input.as_deref(), output.as_deref())?;
        let options = CompileOptions {
            dims: flags.dims.clone(),
            forbid_fallback: flags.no_fallback,
            forbid_winograd: flags.no_winograd,
            winograd_int8: flags.winograd_int8,
            f16_weights: flags.f16_weights,
            small_arena: flags.small_arena,
            metadata: description.to_metadata(),
            ..CompileOptions::default()
        };
        Ok(Self { fingerprint: peek.fingerprint, options })
    }

    /// Compiles, with progress.
    ///
    /// # Errors
    /// Why the model does not compile.
    pub fn compile(&self, onnx: &Path) -> Result<Compiled> {
        let mut progress = Progress::new();
        Ok(coulter_compile::compile(onnx, &self.options, &mut |stage, part| progress.tell(stage, part))?)
    }

    /// Name of the plan in the cache: it changes with everything that the plan depends on, this program included.
    fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.fingerprint);
        for (name, value) in &self.options.dims {
            hash.update(format!("{name}={value};"));
        }
        let options = &self.options;
        let CompileOptions { forbid_fallback, forbid_winograd, winograd_int8, f16_weights, small_arena, .. } = *options;
        let chosen = [forbid_fallback, forbid_winograd, winograd_int8, f16_weights, small_arena];
        hash.update(chosen.map(u8::from));
        hash.update(serde_json::Value::Object(self.options.metadata.clone()).to_string());
        hash.update(env!("CARGO_PKG_VERSION"));
        if let Ok(of) = std::env::current_exe().and_then(std::fs::metadata) {
            let changed = of.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            hash.update(format!("{} {}", of.len(), changed.as_nanos()));
        }
        output::hex(&hash.finalize())
    }
}

/// The plan of an ONNX model: from the cache, or compiled now.
///
/// # Errors
/// When a file cannot be read or the model does not compile.
pub fn compiled(onnx: &Path, flags: &CompileFlags, cached: bool) -> Result<PlanBytes> {
    let source = Source::read(onnx, flags)?;
    let place =
        if cached { environment::cache_folder().map(|f| f.join(format!("{}.plan", source.key()))) } else { None };
    if let Some(bytes) = place.as_deref().and_then(sound) {
        return Ok(bytes);
    }
    let plan = source.compile(onnx)?.plan;
    if let Some(path) = place {
        // A cache that cannot be written costs time, nothing else.
        let _ = files::write(&path, &plan);
    }
    Ok(PlanBytes::Owned(AlignedBytes::copy_of(&plan)))
}

/// The plan at `path`, if it is whole.
fn sound(path: &Path) -> Option<PlanBytes> {
    let bytes = map::file(path).ok()?;
    coulter_plan::Plan::parse(&bytes).ok()?;
    Some(bytes)
}
