//! Tells the stories of a driver, each in a process of its own, and gathers what failed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    Check, Mutant,
    findings::{Failure, Findings},
};
use crate::{progress, test::BESIDE, workspace::Workspace};

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

impl Stories {
    /// Builds the stories.
    pub(super) fn build(workspace: &Workspace, guarded: bool) -> Result<Self> {
        eprintln!("Building the stories");
        let mut command = workspace.cargo("test");
        command.args(["--locked", "--package", "framecast-tests", "--test", "stories", "--no-run"]);
        let program = progress::executable(&mut command, "stories")?;
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
    /// Adds to what has been found.
    pub(super) fn tell(
        &self,
        driver: &Path,
        mutant: Option<&Mutant>,
        found: Findings,
    ) -> Result<Findings> {
        let start = Instant::now();
        // Those that must catch it are told first: however slow the machine is, there is time for them.
        let must_catch = |name: &&String| mutant.is_some_and(|mutant| mutant.names(name));
        let others = self.names.iter().filter(|name| !must_catch(name));
        let queue = Mutex::new(self.names.iter().filter(must_catch).chain(others));
        let findings = Mutex::new(found);
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
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
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
