//! A process that tells stories.
//!
//! A driver that faults, or asks for a bug check, ends the process that it runs in; one that hangs
//! is ended with it. So stories are told in processes of their own: this program again, with
//! `--worker`, which reads a story from each line of its input and answers each with an outcome on
//! a line of its output, both as JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ndis_lab::LastWords;
use ndis_lab::exercise::{Exercise, Finding, Outcome, Story};

use super::Result;

/// How long a story may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// How many stories a process tells before another takes its place.
const STORIES: u32 = 500;

/// Tells the stories that the input names, until it ends.
pub(crate) fn serve(exercise: &Exercise) -> Result<()> {
    LastWords::want();
    let (input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    for line in input.lines() {
        let story: Story = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut output, &exercise.tell(&story)?)?;
        writeln!(output)?;
        output.flush()?;
    }
    Ok(())
}

/// A worker, from the side of who gives it work.
pub(crate) struct Worker {
    arguments: Vec<String>,
    process: Option<Process>,
}

struct Process {
    child: Child,
    answers: Receiver<String>,
    complaints: JoinHandle<String>,
    left: u32,
}

impl Worker {
    /// A worker that this program becomes with these arguments.
    pub(crate) fn new(arguments: Vec<String>) -> Self {
        Self { arguments, process: None }
    }

    /// Has a story told.
    pub(crate) fn tell(&mut self, story: &Story) -> Result<Outcome> {
        let mut process = match self.process.take() {
            Some(process) if process.left > 0 => process,
            _ => Process::start(&self.arguments)?,
        };
        process.left -= 1;
        match process.ask(&serde_json::to_string(story)?) {
            Ok(answer) => {
                self.process = Some(process);
                Ok(serde_json::from_str(&answer)?)
            }
            Err(RecvTimeoutError::Timeout) => {
                let message = format!("the story did not end within {} s", PATIENCE.as_secs());
                Ok(crashed(story, Finding::HANG, message, &process.end()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let said = process.end();
                let message = said.lines().find(|line| line.starts_with("***"));
                let message = message.unwrap_or("*** the process ended").trim_matches(['*', ' ']);
                let is_stuck = message.starts_with(LastWords::STUCK);
                let rule = if is_stuck { Finding::HANG } else { Finding::BUG_CHECK };
                Ok(crashed(story, rule, message, &said))
            }
        }
    }
}

impl Process {
    fn start(arguments: &[String]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (give, answers) = mpsc::channel();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
            lines.map_while(std::result::Result::ok).try_for_each(|line| give.send(line))
        });
        let complaints = thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut said));
            String::from_utf8_lossy(&said).into_owned()
        });
        Ok(Self { child, answers, complaints, left: STORIES })
    }

    fn ask(&mut self, story: &str) -> std::result::Result<String, RecvTimeoutError> {
        if let Some(input) = &mut self.child.stdin {
            // A process that is gone does not answer either.
            let _ = writeln!(input, "{story}");
        }
        self.answers.recv_timeout(PATIENCE)
    }

    /// Ends the process; gives what it said on standard error.
    fn end(mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.complaints.join().unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.end();
        }
    }
}

/// What a story came to that ended its process.
fn crashed(story: &Story, rule: &str, message: impl Into<String>, said: &str) -> Outcome {
    let is_event =
        |line: &&str| !line.is_empty() && !line.starts_with("***") && !LastWords::is_line(line);
    let mut finding = Finding::new(rule, message);
    finding.events = said.lines().filter(is_event).map(|line| line.trim().to_owned()).collect();
    let mut outcome = Outcome::ended_by(story, finding);
    if let Some(words) = LastWords::find(said) {
        outcome.schedule = Some(words.schedule);
        (outcome.acts, outcome.switches) = (words.acts, words.switches);
        outcome.trace = words.trace;
    }
    outcome
}
