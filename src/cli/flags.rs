//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Compiles ONNX models into plans and runs them at the edge.
#[derive(Debug, Parser)]
#[command(name = "coulter", version, arg_required_else_help = true, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Print one JSON object on standard output; messages go to standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// List the environment variables that the program reads
    #[arg(long)]
    pub help_env: bool,
}

const AFTER: &str = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 the check did not hold (check, diff, verify).
MODEL is an .onnx or a .plan; an ONNX model is compiled first, and kept in a cache.";

/// Verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Compile an ONNX model into a plan
    #[cfg(feature = "compile")]
    Compile(CompileArgs),
    /// List everything that keeps an ONNX model from compiling, all at once
    #[cfg(feature = "compile")]
    Check(CheckArgs),
    /// Run a model on a file and print its answer
    Run(RunArgs),
    /// Measure latency and memory of a model
    Bench(BenchArgs),
    /// Show what a plan is made of
    Inspect(InspectArgs),
    /// List the boards that --target knows
    #[cfg(feature = "compile")]
    Boards,
    /// Compare a plan with its ONNX model, tensor by tensor
    #[cfg(feature = "compile")]
    Diff(DiffArgs),
    /// Prove a plan on this machine and put it in its place, whole or not at all
    Install(InstallArgs),
    /// Replay the golden vectors that a plan carries
    Verify(VerifyArgs),
    /// Make keys, and sign plans for the slots of microcontrollers
    #[cfg(feature = "compile")]
    #[command(subcommand)]
    Sign(SignVerb),
}

/// How ONNX models are compiled.
#[derive(Args, Clone, Debug, Default)]
pub struct CompileFlags {
    /// Give a symbolic dimension its value
    #[arg(long = "dim", value_name = "NAME=N", value_parser = dim)]
    pub dims: Vec<(String, usize)>,
    /// Refuse models with operators that only tract-core can run
    #[arg(long)]
    pub no_fallback: bool,
    /// Compute no f32 convolution in transformed tiles (Winograd's): slower, but weights and arena stay small
    #[arg(long)]
    pub no_winograd: bool,
    /// Compute 8-bit convolutions in transformed tiles where that takes less time: the same answers, faster on processors
    /// without products of four bytes (AVX2 without VNNI), slower on others; their weights are eight times as long
    #[arg(long)]
    pub winograd_int8: bool,
    /// Keep the weights of f32 matrix products with few rows in 16-bit floats: half the bytes, each weight off by up to
    /// 1/2048 of itself. Slower where a cache holds them all, for plans that must be small or are read from memory
    #[arg(long)]
    pub f16_weights: bool,
    /// Make the arena as small as it can be: outputs are written over inputs row by row, and nothing is computed in
    /// transformed tiles. The same answers; convolutions that overlap take somewhat longer
    #[arg(long)]
    pub small_arena: bool,
    /// How inputs are made and outputs are read.
    #[command(flatten)]
    pub pipeline: PipelineFlags,
}

/// How inputs are made and outputs are read; each overrides what model.toml or the plan says.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Pipeline")]
pub struct PipelineFlags {
    /// Description of inputs and outputs (default: model.toml beside the ONNX file)
    #[arg(long, value_name = "FILE.toml")]
    pub pipeline: Option<PathBuf>,
    /// Names of the classes, one a line
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// The output is logits: put it through softmax
    #[arg(long)]
    pub softmax: bool,
    /// Subtracted from pixels (0 to 255), audio samples (-1 to 1) or cells: one number, or one a channel
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_negative_numbers = true)]
    pub mean: Vec<f32>,
    /// Divided by after that (default: 255 for pixels of float models)
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub std: Vec<f32>,
    /// Order of colours
    #[arg(long, value_enum)]
    pub channels: Option<ChannelOrder>,
    /// How images of other proportions are made to fit
    #[arg(long, value_enum)]
    pub fit: Option<ImageFit>,
}

/// See [`coulter_pipeline::Channels`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ChannelOrder {
    /// Red, green, blue
    Rgb,
    /// Blue, green, red
    Bgr,
    /// Brightness alone
    Gray,
}

/// See [`coulter_pipeline::Fit`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ImageFit {
    /// Scale width and height each on its own
    Stretch,
    /// Scale, then cut out the middle
    Crop,
    /// Scale, then fill up with black
    Letterbox,
}

/// How plans are run.
#[derive(Args, Clone, Debug)]
pub struct RunFlags {
    /// Threads to compute on
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Open the tract-core sub-models of a plan that was not compiled here (only for plans that you trust)
    #[arg(long)]
    pub allow_fallback: bool,
    /// Compile an ONNX model anew, and do not keep the plan
    #[arg(long)]
    pub no_cache: bool,
    /// How ONNX models are compiled.
    #[command(flatten)]
    pub compile: CompileFlags,
}

/// What a model may heat up and use.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct GovernFlags {
    /// At so many degrees Celsius use fewer threads, then rest between runs
    #[arg(long, value_name = "C", value_parser = positive)]
    pub max_temp: Option<f64>,
    /// The same at so many watts, where the board tells them
    #[arg(long, value_name = "W", value_parser = positive)]
    pub max_watts: Option<f64>,
}

/// See [`Verb::Compile`].
#[cfg(feature = "compile")]
#[derive(Args, Debug)]
pub struct CompileArgs {
    /// The ONNX model
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// The plan to write
    #[arg(short, long, value_name = "MODEL.plan")]
    pub output: PathBuf,
    /// Write what became of every ONNX node
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Write the plan's sizes, shapes and operators as Rust constants, for the firmware that carries it
    #[arg(long, value_name = "FILE.rs")]
    pub emit_rust: Option<PathBuf>,
    /// Choose for this board, check that the plan fits it and predict its latency there; see `coulter boards`
    #[arg(long, value_name = "BOARD|board.toml")]
    pub target: Option<String>,
    /// How 8-bit models are made.
    #[command(flatten)]
    pub quantize: QuantizeFlags,
    /// How.
    #[command(flatten)]
    pub flags: CompileFlags,
}

/// How a trained f32 model becomes one that computes in 8 bits.
#[cfg(feature = "compile")]
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "8 bits")]
pub struct QuantizeFlags {
    /// Compute in 8 bits what can be
    #[arg(long, requires = "calibrate")]
    pub int8: bool,
    /// Typical inputs, as for `run --input`, or a folder of them; an array y in an .npz tells the right classes, as does
    /// --labels FILE.npy, FILE.txt (numbers) or FILE.json (a list, or an object from file names to classes)
    #[arg(long, value_name = "FILE.npz|DIR", requires = "int8")]
    pub calibrate: Option<PathBuf>,
    /// Use no more samples than this
    #[arg(long, value_name = "N", default_value_t = 256, requires = "int8", value_parser = samples)]
    pub samples: usize,
    /// How the ranges of values are chosen (default: what does best on the samples)
    #[arg(long, value_enum, requires = "int8")]
    pub ranges: Option<Ranges>,
    /// Keep nodes in f32 until no more accuracy is lost; without labels agreement with f32, without classes the relative
    /// error of the outputs
    #[arg(long, value_name = "0.5%", requires = "int8", value_parser = part)]
    pub max_drop: Option<f64>,
    /// Try every node alone in 8 bits and tell what it costs
    #[arg(long, requires = "int8")]
    pub sensitivity: bool,
}

/// See [`coulter_compile::RangeMethod`].
#[cfg(feature = "compile")]
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Ranges {
    /// From the least value seen to the greatest
    Minmax,
    /// Without the outermost 0.01 % of the values
    Percentile,
    /// Least mean squared error
    Mse,
    /// Least Kullback-Leibler divergence
    Entropy,
}

#[cfg(feature = "compile")]
impl From<Ranges> for coulter_compile::RangeMethod {
    fn from(ranges: Ranges) -> Self {
        match ranges {
            Ranges::Minmax => Self::MinMax,
            Ranges::Percentile => Self::Percentile,
            Ranges::Mse => Self::Mse,
            Ranges::Entropy => Self::Entropy,
        }
    }
}

/// See [`Verb::Check`].
#[cfg(feature = "compile")]
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The ONNX model
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// How.
    #[command(flatten)]
    pub flags: CompileFlags,
}

/// See [`Verb::Run`].
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The model
    pub model: PathBuf,
    /// Also the first --input
    #[arg(value_name = "FILE", conflicts_with = "input")]
    pub file: Option<PathBuf>,
    /// .npz, .npy, .csv, .txt, .wav, .png, .jpg, or - for standard input; NAME=FILE for one of several inputs
    #[arg(long, value_name = "FILE|-", required_unless_present = "file")]
    pub input: Vec<PathBuf>,
    /// Write the outputs of all samples
    #[arg(long, value_name = "OUT.npz")]
    pub output: Option<PathBuf>,
    /// How many of the best classes to tell
    #[arg(long, value_name = "K")]
    pub top: Option<usize>,
    /// Run again and again, and show latency, rate, temperature, clock and energy every second
    #[arg(long)]
    pub watch: bool,
    /// How long to watch (default: until the program is interrupted)
    #[arg(long, value_name = "SECONDS", requires = "watch", value_parser = positive)]
    pub time: Option<f64>,
    /// Limits.
    #[command(flatten)]
    pub govern: GovernFlags,
    /// How.
    #[command(flatten)]
    pub flags: RunFlags,
}

/// See [`Verb::Bench`].
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// The model
    pub model: PathBuf,
    /// With --worker: THREADS and NAME:ELEMENT:SHAPE:FILE for each input
    #[arg(value_name = "ARGUMENTS", hide = true)]
    pub rest: Vec<String>,
    /// How long to measure
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    pub time: f64,
    /// Show the time of every step
    #[arg(long)]
    pub profile: bool,
    /// Obey commands on standard input (for the harness that times peers)
    #[arg(long, hide = true)]
    pub worker: bool,
    /// Load, run once, tell the peak memory and end
    #[arg(long, hide = true)]
    pub once: bool,
    /// Limits.
    #[command(flatten)]
    pub govern: GovernFlags,
    /// How.
    #[command(flatten)]
    pub flags: RunFlags,
}

/// See [`Verb::Inspect`].
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The model
    pub model: PathBuf,
    /// How ONNX models are compiled.
    #[command(flatten)]
    pub flags: CompileFlags,
}

/// See [`Verb::Diff`].
#[cfg(feature = "compile")]
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The ONNX model
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// Its plan
    #[arg(value_name = "MODEL.plan")]
    pub plan: PathBuf,
    /// Inputs, as for `run`
    #[arg(long, value_name = "FILE|-", required = true)]
    pub input: Vec<PathBuf>,
    /// How.
    #[command(flatten)]
    pub flags: RunFlags,
}

/// See [`Verb::Verify`].
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The plan
    #[arg(value_name = "MODEL.plan")]
    pub plan: PathBuf,
    /// Open the tract-core sub-models of a plan that you trust
    #[arg(long)]
    pub allow_fallback: bool,
}

/// See [`Verb::Install`].
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// The plan
    #[arg(value_name = "MODEL.plan")]
    pub plan: PathBuf,
    /// The file that it shall be, or the folder that it shall lie in
    #[arg(value_name = "DIR|FILE")]
    pub to: PathBuf,
    /// Install the very bytes, even where 8-bit convolutions have a faster form on this machine
    #[arg(long)]
    pub as_is: bool,
    /// Also check that this board has what the plan needs
    #[cfg(feature = "compile")]
    #[arg(long, value_name = "BOARD|board.toml")]
    pub target: Option<String>,
    /// Open the tract-core sub-models of a plan that you trust
    #[arg(long)]
    pub allow_fallback: bool,
}

/// A fraction, or a percentage.
#[cfg(feature = "compile")]
fn part(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let part = number.trim().parse::<f64>().map_err(|e| format!("{text:?}: {e}"))? / unit;
    if (0.0..=1.0).contains(&part) { Ok(part) } else { Err("give a percentage, such as 0.5%".into()) }
}

#[cfg(feature = "compile")]
fn samples(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "give a number from 1 on".into())
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n| *n > 0.0 && *n < 1e6).ok_or_else(|| "give a number above 0".into())
}

fn dim(text: &str) -> Result<(String, usize), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=N")?;
    let value = value.parse().map_err(|e| format!("{value:?}: {e}"))?;
    if name.is_empty() { Err("give NAME=N".into()) } else { Ok((name.to_owned(), value)) }
}

/// What to sign, or with what.
#[cfg(feature = "compile")]
#[derive(Debug, Subcommand)]
pub enum SignVerb {
    /// Make a secret key, and print its public key as Rust for a firmware
    Key {
        /// Where the secret key goes: 64 hexadecimal digits, readable by you alone. A file that is there is not replaced
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Sign a plan for a slot: a header of 160 bytes, and the plan behind it, to be sent to the device
    Slot(SignSlotArgs),
}

/// `coulter sign slot`
#[cfg(feature = "compile")]
#[derive(Args, Debug)]
pub struct SignSlotArgs {
    /// The plan
    pub plan: PathBuf,
    /// The secret key that `coulter sign key` made
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Version of the plan: devices take none that is not above all that they confirmed
    #[arg(long, value_name = "N")]
    pub plan_version: u64,
    /// Product that it is for, as its firmware names it: at most 16 bytes
    #[arg(long, value_name = "NAME")]
    pub product: String,
    /// Where it goes
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}
