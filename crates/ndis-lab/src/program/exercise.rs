//! `ndis-lab exercise`: stories of seeds and faults, and their verdict.

use std::io::IsTerminal;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use ndis_lab::exercise::{Exercise, Interleaving, Outcome, Story};
use ndis_lab::{Lab, Parameter};

use super::Result;
use super::output;
use super::plan::Plan;
use super::report::Report;
use super::shortest::Shortest;
use super::worker::{self, Worker};

/// How many seeds, unless chosen.
const SEEDS: u64 = 100;

/// What stories are asked for.
#[derive(Clone, Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Arguments {
    /// The driver's image
    file: PathBuf,
    /// How many seeds [default: 100, or 1 with --seed]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The first seed [default: 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Tell each story again with its first allocation failing, its second, and so on to its last
    #[arg(long, conflicts_with = "fault")]
    faults: bool,
    /// Tell the story of one seed with one allocation failing
    #[arg(long, value_name = "K", requires = "seed", conflicts_with = "seeds")]
    fault: Option<u64>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
    /// What decides the order of everything: the seed, by a random walk or by priorities that
    /// change a few times (random, pct, pct5), the system (free), or for each seed another (mixed)
    #[arg(long, value_name = "HOW", default_value_t)]
    schedule: Interleaving,
    /// How many virtual processors there are under a schedule [default: as the seed has it, 1 to 4]
    #[arg(long, value_name = "N")]
    processors: Option<NonZero<usize>>,
    /// Guard memory in every story, not only in every second
    #[arg(long)]
    guarded: bool,
    /// How often a story that fails under a schedule is tried with fewer decisions, and with fewer
    /// acts
    #[arg(long, value_name = "N", default_value_t = 300)]
    attempts: usize,
    /// Print one line an event; columns: thread (under a schedule) or number, processor, IRQL, way
    /// (> the driver calls, < it is called, = it returns, + a thread begins, * an actor acts, ! a rule is
    /// broken),
    /// function, object, status
    #[arg(long, requires = "seed", conflicts_with = "seeds")]
    trace: bool,
    /// A device to open, beside those that the driver makes
    #[arg(long, value_name = "NAME")]
    device: Vec<String>,
    /// Control codes to send, beside those found in the driver; each may name an input that the
    /// driver likes, in hexadecimal digits
    #[arg(long, value_name = "CODE[=HEX]", value_delimiter = ',', value_parser = code)]
    codes: Vec<(u32, Vec<u8>)>,
    /// A value of the driver's configuration: a number, decimal or after 0x, or a text
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = crate::parameter)]
    parameters: Vec<(String, Parameter)>,
    /// How many steps each actor does at most
    #[arg(long, value_name = "N", default_value_t = 60)]
    steps: u64,
    /// How many stories are told at the same time [default: one a processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Tell the stories that standard input names
    #[arg(long, hide = true)]
    worker: bool,
}

/// Parses a control code, and perhaps an input.
fn code(text: &str) -> std::result::Result<(u32, Vec<u8>), String> {
    let (code, input) = text.split_once('=').unwrap_or((text, ""));
    let digits = code.strip_prefix("0x").or_else(|| code.strip_prefix("0X"));
    let number = match digits {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => code.parse(),
    };
    let number = number.map_err(|_| format!("{code} is no control code of 32 bits"))?;
    let pairs = input.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes = pairs.collect::<Option<Vec<_>>>();
    Ok((number, bytes.ok_or_else(|| format!("{input} are no pairs of hexadecimal digits"))?))
}

impl Arguments {
    fn exercise(&self) -> Exercise {
        let mut exercise = Exercise::new(&self.file)
            .steps(self.steps)
            .interleaving(self.schedule)
            .guarded(self.guarded)
            .trace(self.trace);
        if let Some(processors) = self.processors {
            exercise = exercise.processors(processors.get());
        }
        for device in &self.device {
            exercise = exercise.device(device);
        }
        for (code, input) in &self.codes {
            exercise = exercise.code(*code, input.as_slice());
        }
        for (name, value) in &self.parameters {
            exercise = exercise.parameter(name, value.clone());
        }
        exercise
    }

    /// The arguments that say what the driver and the stories are like, as a shell takes them.
    fn words(&self) -> Vec<String> {
        let mut words = vec!["exercise".to_owned(), self.file.display().to_string()];
        for device in &self.device {
            words.extend(["--device".to_owned(), device.clone()]);
        }
        for (code, input) in &self.codes {
            let mut word = format!("{code:#x}=");
            for byte in input {
                word.extend(char::from_digit(u32::from(byte >> 4), 16));
                word.extend(char::from_digit(u32::from(byte & 15), 16));
            }
            words.extend(["--codes".to_owned(), word]);
        }
        for (name, value) in &self.parameters {
            let value = match value {
                Parameter::Number(number) => number.to_string(),
                Parameter::Text(text) => text.clone(),
                // No other kind is read from the command line.
                _ => continue,
            };
            words.extend(["--parameter".to_owned(), format!("{name}={value}")]);
        }
        words.extend(["--steps".to_owned(), self.steps.to_string()]);
        words.extend(["--schedule".to_owned(), self.schedule.to_string()]);
        if let Some(processors) = self.processors {
            words.extend(["--processors".to_owned(), processors.to_string()]);
        }
        if self.guarded {
            words.push("--guarded".to_owned());
        }
        words
    }

    /// The command that tells a story again.
    fn replay(&self, outcome: &Outcome) -> String {
        let mut words = vec!["ndis-lab".to_owned()];
        words.extend(self.words());
        words.extend(["--seed".to_owned(), outcome.seed.to_string()]);
        if let Some(fault) = outcome.fault {
            words.extend(["--fault".to_owned(), fault.to_string()]);
        }
        let plain =
            |word: &String| word.chars().all(|it| it.is_alphanumeric() || "-_./=".contains(it));
        let quote = |word| if plain(&word) { word } else { format!("'{word}'") };
        words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
    }

    fn jobs(&self) -> usize {
        let processors = || thread::available_parallelism().ok();
        self.jobs.or_else(processors).map_or(1, NonZero::get)
    }
}

/// Exercises a driver; says whether it kept every rule.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.worker {
        worker::serve(&arguments.exercise())?;
        return Ok(true);
    }
    Lab::default().load(&arguments.file)?;
    let mut report = Report::new(&arguments.file);
    let mut cut_short = false;
    let first = arguments.seed.unwrap_or(1);
    if let Some(fault) = arguments.fault {
        let mut worker = Worker::new(worker_arguments(arguments));
        let outcome = worker.tell(&Story::with_fault(first, fault))?;
        report.count_seed();
        show(&mut report, arguments, outcome, &ProgressBar::hidden())?;
    } else {
        let count = arguments.seeds.unwrap_or(if arguments.seed.is_some() { 1 } else { SEEDS });
        let plan = Plan::new(first..first.saturating_add(count), arguments.faults);
        let bar = progress(count);
        tell(arguments, &plan, &bar, &mut report)?;
        bar.finish_and_clear();
        cut_short = plan.is_cut_short();
    }
    report.print(cut_short, arguments.json)?;
    Ok(report.is_clean())
}

/// Has the stories of a plan told, several at the same time.
fn tell(arguments: &Arguments, plan: &Plan, bar: &ProgressBar, report: &mut Report) -> Result<()> {
    let words = worker_arguments(arguments);
    thread::scope(|scope| {
        let (give, take) = mpsc::channel();
        for _ in 0..arguments.jobs() {
            let (give, words) = (give.clone(), words.clone());
            scope.spawn(move || {
                let mut worker = Worker::new(words);
                while let Some(story) = plan.next() {
                    let told = worker.tell(&story).map_err(|error| error.to_string());
                    let done = told.as_ref().is_ok_and(|outcome| plan.done(outcome));
                    if give.send((told, done)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(give);
        for (told, done) in take {
            let outcome = told?;
            if let Some(fault) = outcome.fault {
                bar.set_message(format!("seed {}, allocation {fault}", outcome.seed));
            }
            show(report, arguments, outcome, bar)?;
            if done {
                report.count_seed();
                bar.inc(1);
            }
        }
        Ok(())
    })
}

/// Adds what a story came to, and shows it at once if it is bad.
fn show(
    report: &mut Report,
    arguments: &Arguments,
    outcome: Outcome,
    bar: &ProgressBar,
) -> Result<()> {
    if arguments.trace {
        report.keep_trace(&outcome);
    }
    if outcome.is_clean() {
        report.add_clean(&outcome);
        return Ok(());
    }
    let shortest = report.is_news(&outcome).then(|| {
        bar.set_message("looking for the shortest story that fails alike");
        let untraced = Arguments { trace: false, ..arguments.clone() };
        let mut worker = Worker::new(worker_arguments(&untraced));
        Shortest::of(&outcome, &mut worker, arguments.attempts)
    });
    let replay = arguments.replay(&outcome);
    let text = report.add_failure(outcome, replay, shortest.flatten());
    if !arguments.json {
        bar.suspend(|| output::print(|out| writeln!(out, "{text}")))?;
    }
    Ok(())
}

fn worker_arguments(arguments: &Arguments) -> Vec<String> {
    let mut words = arguments.words();
    if arguments.trace {
        words.extend(["--trace", "--seed", "0"].map(str::to_owned));
    }
    words.push("--worker".to_owned());
    words
}

/// A bar on a terminal, nothing elsewhere.
fn progress(seeds: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(seeds);
    let style = "{wide_bar} {pos}/{len} seeds {elapsed} ({eta} left) {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn codes_are_read_with_and_without_an_input() {
        assert_eq!(code("0x12E000"), Ok((0x0012_E000, Vec::new())));
        assert_eq!(code("16=0aFF"), Ok((16, vec![0x0A, 0xFF])));
        assert!(code("0x1_0000_0000").is_err());
        assert!(code("1=abc").is_err());
    }
}
