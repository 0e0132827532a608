//! `coulter run`

use std::time::{Duration, Instant};

use coulter_pipeline::answer::{self, Answer, Class};
use coulter_pipeline::{Array, Description, OutputDescription};
use serde_json::{Value, json};

use crate::engine::{self, Engine};
use crate::error::Result;
use crate::flags::RunArgs;
use crate::inputs::{self, Inputs};
use crate::model::{self, Model};
use crate::progress::Progress;
use crate::watch::{self, Watch};
use crate::{
    output::{self, say},
    results,
};

/// Most samples that are told one by one.
const MAX_TOLD: usize = 20;
/// Most numbers of an output that are told.
const MAX_VALUES: usize = 16;
/// Most numbers of an output in JSON.
const MAX_JSON_VALUES: usize = 4096;
/// Width of the bar that shows a probability.
const BAR: f64 = 24.0;

/// Runs a model on files and prints what it says.
pub fn run(args: &RunArgs, as_json: bool) -> Result<()> {
    let model = Model::open(&args.model, &args.flags.compile, !args.flags.no_cache)?;
    let plan = model.plan(&args.model)?;
    let description = model::description(&plan, &args.flags.compile.pipeline)?;
    let files: Vec<_> = args.input.iter().chain(&args.file).cloned().collect();
    let inputs = Inputs::read(&plan, &description, &files)?;

    let mut engine = Engine::of(&model, &plan, &args.flags)?;
    engine.note(&plan);
    let mut watch = Watch::new(&args.govern, &engine)?;
    let mut session = engine.bind(plan)?;
    let mut watched = Value::Null;
    if args.watch {
        let mut next = inputs.runs.iter().cycle();
        watched = watch::live(&mut watch, args.time.map(Duration::from_secs_f64), as_json, || {
            next.next().into_iter().for_each(|arrays| inputs::fill(&mut session, arrays));
            let began = Instant::now();
            session.run().map_err(|e| engine::failed(&plan, e))?;
            Ok(began.elapsed())
        })?;
    }
    let mut progress = Progress::new();
    let mut runs = Vec::with_capacity(inputs.runs.len());
    let mut busy = Duration::ZERO;
    for (i, arrays) in inputs.runs.iter().enumerate() {
        inputs::fill(&mut session, arrays);
        let began = Instant::now();
        session.run().map_err(|e| engine::failed(&plan, e))?;
        let work = began.elapsed();
        busy += work;
        watch.after(work);
        runs.push(results::outputs(&session));
        progress.tell("running", (i + 1) as f32 / inputs.runs.len() as f32);
    }
    drop(progress);

    let answers = runs.iter().map(|r| answers(r, &description, args.top)).collect::<Result<Vec<_>>>()?;
    let ns = (busy / runs.len() as u32).as_nanos() as u64;
    let samples = runs.len();
    let arrays = results::stacked(runs, inputs.along_batch);
    if let Some(path) = &args.output {
        coulter_pipeline::write_npz(path, &arrays)?;
    }
    if as_json {
        let mut object = as_json_object(&model.name, samples, ns, &arrays, &answers);
        if args.watch {
            object["watch"] = watched;
        }
        output::json(&object);
    } else {
        say!("{}: {}, {} each", model.name, output::plural(samples, "sample"), output::duration(ns));
        tell(&arrays, &answers);
    }
    Ok(())
}

/// What each output of a run says.
fn answers(outputs: &[(String, Array)], description: &Description, top: Option<usize>) -> Result<Vec<Answer>> {
    let plain = OutputDescription::default();
    let read =
        |(name, array): &(String, Array)| Ok(answer::read(array, description.output(name).unwrap_or(&plain), top)?);
    outputs.iter().map(read).collect()
}

fn as_json_object(name: &str, samples: usize, ns: u64, arrays: &[(String, Array)], answers: &[Vec<Answer>]) -> Value {
    let output = |(name, array): &(String, Array)| {
        let values = (array.len() <= MAX_JSON_VALUES).then(|| array.to_f64());
        json!({ "name": name, "dtype": array.dtype.name(), "shape": array.shape, "values": values })
    };
    let classes = |run: &Vec<Answer>| -> Vec<Value> {
        let told = |(answer, (name, _)): (&Answer, &(String, Array))| match answer {
            Answer::Classes(classes) => Some(json!({ "output": name, "classes": classes })),
            Answer::Values { values, unit } if values.len() <= MAX_VALUES => {
                Some(json!({ "output": name, "values": values, "unit": unit }))
            }
            Answer::Values { .. } => None,
        };
        run.iter().zip(arrays).filter_map(told).collect()
    };
    json!({
        "model": name,
        "samples": samples,
        "mean_ns": ns,
        "answers": answers.iter().map(classes).collect::<Vec<_>>(),
        "outputs": arrays.iter().map(output).collect::<Vec<_>>(),
    })
}

fn tell(arrays: &[(String, Array)], answers: &[Vec<Answer>]) {
    let several = answers.len() > 1;
    for (i, run) in answers.iter().enumerate().take(MAX_TOLD) {
        for (answer, (name, array)) in run.iter().zip(arrays) {
            let head = if several { format!("#{i} {name}") } else { name.clone() };
            match answer {
                Answer::Classes(classes) if several => say!("{head}: {}", in_line(classes)),
                Answer::Classes(classes) => say!("{head}\n{}", as_table(classes)),
                Answer::Values { values, unit } => say!("{head}: {}", numbers(values, unit.as_deref(), array)),
            }
        }
    }
    if answers.len() > MAX_TOLD {
        say!("… {} more: --output OUT.npz keeps all, --json tells all", answers.len() - MAX_TOLD);
    }
}

/// Scores as probabilities, where they are.
fn score(classes: &[Class], score: f64) -> String {
    let probability = classes.iter().all(|c| (0.0..=1.0).contains(&c.score));
    if probability { format!("{:.1} %", score * 100.0) } else { format!("{score:.4}") }
}

fn in_line(classes: &[Class]) -> String {
    let each = classes.iter().map(|c| format!("{} ({})", c.label, score(classes, c.score)));
    each.collect::<Vec<_>>().join(", ")
}

fn as_table(classes: &[Class]) -> String {
    let width = classes.iter().map(|c| c.label.chars().count()).max().unwrap_or(0);
    let line = |c: &Class| {
        let bar = "█".repeat((c.score.clamp(0.0, 1.0) * BAR).round() as usize);
        let (label, score) = (&c.label, score(classes, c.score));
        format!("  {label:width$}  {score:>8}  {bar}").trim_end().to_owned()
    };
    classes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn numbers(values: &[f64], unit: Option<&str>, array: &Array) -> String {
    let unit = unit.map(|u| format!(" {u}")).unwrap_or_default();
    let head: Vec<String> = values.iter().take(MAX_VALUES).map(|v| format!("{v:.6}")).collect();
    let head: Vec<&str> = head.iter().map(|v| v.trim_end_matches('0').trim_end_matches('.')).collect();
    if values.len() <= MAX_VALUES {
        return format!("{}{unit}", head.join(" "));
    }
    let (min, max) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let (dtype, shape) = (array.dtype, output::shape(&array.shape));
    format!("{dtype} {shape}, min {min:.6}, mean {mean:.6}, max {max:.6}, begins {}", head[..4].join(" "))
}
