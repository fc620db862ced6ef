//! Tells the stories of a driver, each in a process of its own, and gathers what failed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::BufRead,
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ndis_lab::Rule;
use serde_json::Value;

use super::{Check, Mutant};
use crate::workspace::Workspace;

/// The stories that do not run the driver that they are told of.
const BESIDE: &[&str] =
    &["any_filter", "demo", "header", "makefile", "mutants", "package", "plan", "state", "ui"];

/// The stories that are told first: those that assert nothing before the lab's verdict.
const FIRST: &str = "verdict";

/// The stories that take long: they count instructions, try many seeds, or make every allocation
/// fail. They are told last, and of a mutant only if what is expected has not been found yet.
const LONG: &[&str] = &["cost", "exercise", "faults", "schedules"];

/// How long one story of a mutant may take at least: longer than a pause that never completes, ten
/// seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// How many times as long as of the driver as it is one story of a mutant may take.
const SLOWER: u32 = 3;

/// How long one story of the driver as it is may take.
const CONTROL_LIMIT: Duration = Duration::from_mins(3);

/// After this time no further story of a mutant is told, if what is expected has been found.
const PATIENCE: Duration = Duration::from_secs(15);

/// After this time no further story of a mutant is told at all: most of them hang.
const BUDGET: Duration = Duration::from_secs(45);

/// What the test harness returns when a test fails; anything else is the end of the process.
const FAILED: i32 = 101;

/// The stories, built.
#[derive(Debug)]
pub(super) struct Stories {
    program: PathBuf,
    /// Where cargo would run it.
    folder: PathBuf,
    /// Where its output goes.
    output: PathBuf,
    names: Vec<String>,
    /// Whether all are told in guarded memory.
    guarded: bool,
    /// How long each took of the driver as it is.
    times: Mutex<BTreeMap<String, Duration>>,
}

/// What is wrong with a driver.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The rules that it broke, by number and name.
    pub(super) rules: BTreeSet<String>,
    /// The stories that it failed, and how.
    pub(super) stories: BTreeMap<String, Failure>,
}

/// How a story failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// A test that does not hold.
    Assertion,
    /// The process ended.
    BugCheck,
    /// The story did not end.
    TimeOut,
}

impl Findings {
    /// Whether a check reported something.
    pub(super) fn contain(&self, check: &Check) -> bool {
        let failed = |how| self.stories.values().any(|&failure| failure == how);
        match check {
            Check::Rule(rule) => self.rules.contains(rule),
            Check::Story(name) => self.stories.contains_key(name),
            Check::BugCheck => failed(Failure::BugCheck),
            Check::TimeOut => failed(Failure::TimeOut),
        }
    }

    /// Whether all of the checks reported something.
    pub(super) fn satisfy(&self, checks: &[Check]) -> bool {
        checks.iter().all(|check| self.contain(check))
    }

    /// The stories that failed and how, a line each.
    pub(super) fn told(&self) -> String {
        let line = |(name, how): (&String, &Failure)| format!("    {how:?} in {name}\n");
        self.stories.iter().map(line).collect()
    }

    fn add(&mut self, story: &str, failure: Failure, output: &str) {
        self.stories.insert(story.to_owned(), failure);
        let heads = output.lines().filter_map(|line| line.split_once(": "));
        let heads: BTreeSet<_> = heads.map(|(head, _)| head).collect();
        let rules = Rule::ALL.iter().map(ToString::to_string);
        self.rules.extend(rules.filter(|rule| heads.contains(rule.as_str())));
    }
}

impl Stories {
    /// Builds the stories.
    pub(super) fn build(workspace: &Workspace, guarded: bool) -> Result<Self> {
        eprintln!("Building the stories");
        let mut command = workspace.cargo("test");
        command
            .args(["--locked", "--package", "framecast-tests", "--test", "stories", "--no-run"])
            .arg("--message-format=json-render-diagnostics");
        let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
        ensure!(output.status.success(), "the stories do not build");
        let artifact = |line: &str| {
            let message: Value = serde_json::from_str(line).ok()?;
            let is_ours = message["target"]["name"] == "stories";
            is_ours.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
        };
        let program = output.stdout.lines().map_while(Result::ok).find_map(|line| artifact(&line));
        let program = program.context("cargo names no program with the stories")?;
        let folder = workspace.root().join("tests");
        let list = Command::new(&program)
            .current_dir(&folder)
            .args(["--list", "--format", "terse"])
            .output()
            .context("the stories do not start")?;
        let mut names: Vec<_> = String::from_utf8_lossy(&list.stdout)
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .filter(|name| !BESIDE.contains(&topic(name)))
            .map(str::to_owned)
            .collect();
        names.sort_by_key(|name| (topic(name) != FIRST, LONG.contains(&topic(name))));
        let output = workspace.target().join("mutants/output");
        fs::create_dir_all(&output).context("cannot make a folder for what stories print")?;
        Ok(Self { program, folder, output, names, guarded, times: Mutex::default() })
    }

    /// Stops unless the stories that a mutant names are there.
    pub(super) fn expect_known(&self, mutant: &Mutant) -> Result<()> {
        for check in mutant.checks() {
            if let Check::Story(name) = check {
                ensure!(self.names.contains(name), "{}: there is no {check}", mutant.name());
            }
        }
        Ok(())
    }

    /// Tells the stories of a driver: all of them, or of a mutant as many as there is time for.
    pub(super) fn tell(&self, driver: &Path, mutant: Option<&Mutant>) -> Result<Findings> {
        let start = Instant::now();
        let queue = Mutex::new(self.names.iter());
        let findings = Mutex::new(Findings::default());
        let guarded = self.guarded || mutant.is_some_and(Mutant::is_guarded);
        let is_enough = |name: &str| {
            let Some(mutant) = mutant else { return false };
            let patient = start.elapsed() < PATIENCE && !LONG.contains(&topic(name));
            start.elapsed() > BUDGET || !patient && lock(&findings).satisfy(mutant.checks())
        };
        let worker = |number: usize| -> Result<()> {
            loop {
                let Some(name) = lock(&queue).next() else { return Ok(()) };
                if is_enough(name) {
                    return Ok(());
                }
                let limit = mutant.map_or(CONTROL_LIMIT, |_| self.limit(name));
                let story = Story { name, driver, limit, guarded, output: self.output(number) };
                let begin = Instant::now();
                if let Some((failure, output)) = self.tell_one(&story)? {
                    lock(&findings).add(name, failure, &output);
                }
                if mutant.is_none() {
                    lock(&self.times).insert(name.clone(), begin.elapsed());
                }
            }
        };
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let worker = &worker;
            let running: Vec<_> =
                (0..workers).map(|number| scope.spawn(move || worker(number))).collect();
            running.into_iter().try_for_each(|it| it.join().unwrap_or(Ok(())))
        })?;
        Ok(findings.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long a story of a mutant may take.
    fn limit(&self, name: &str) -> Duration {
        let time = lock(&self.times).get(name).copied().unwrap_or_default();
        LIMIT.max(time * SLOWER)
    }

    /// Where a worker keeps what its stories print.
    fn output(&self, worker: usize) -> PathBuf {
        self.output.join(format!("{worker}.txt"))
    }

    /// Tells one story; how it failed, and what was printed.
    fn tell_one(&self, story: &Story<'_>) -> Result<Option<(Failure, String)>> {
        let output = File::create(&story.output).context("cannot keep what stories print")?;
        let errors = output.try_clone().context("cannot keep what stories print")?;
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .args(["--exact", story.name, "--nocapture", "--test-threads=1"])
            .env("FRAMECAST_SYS", story.driver)
            .env("RUST_BACKTRACE", "0")
            .env("FRAMECAST_GUARDED", if story.guarded { "1" } else { "0" })
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let failure = match run(&mut command, story.limit)? {
            Some(status) if status.success() => return Ok(None),
            Some(status) if status.code() == Some(FAILED) => Failure::Assertion,
            Some(_) => Failure::BugCheck,
            None => Failure::TimeOut,
        };
        let text = fs::read(&story.output).context("cannot read what a story printed")?;
        Ok(Some((failure, String::from_utf8_lossy(&text).into_owned())))
    }
}

/// A story to be told.
#[derive(Debug)]
struct Story<'s> {
    name: &'s str,
    driver: &'s Path,
    limit: Duration,
    guarded: bool,
    /// The file that receives what it prints.
    output: PathBuf,
}

/// The file of stories that a story is in.
fn topic(name: &str) -> &str {
    name.split("::").next().unwrap_or_default()
}

/// Runs a program, for as long as it may take.
fn run(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let mut child = command.spawn().context("the stories do not start")?;
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
