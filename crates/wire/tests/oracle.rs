use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// A program that knows the right answer without us: a script of `tests/oracles`, which is asked one
/// line at a time.
pub(crate) struct Oracle {
    name: &'static str,
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts the script.
    pub(crate) fn new(name: &'static str) -> Self {
        let mut command = Command::new(python());
        command.arg(script(name));
        Self::start(name, command)
    }

    /// Starts the script in a network namespace of its own.
    pub(crate) fn isolated(name: &'static str) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net"]).arg(python()).arg(script(name));
        Self::start(name, command)
    }

    fn start(name: &'static str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { name, child, questions, answers }
    }

    /// Asks one question, and waits for the answer.
    pub(crate) fn ask(&mut self, question: &Value) -> Value {
        let questions = self.questions.as_mut().expect("open until it is dropped");
        let mut answer = String::new();
        let asked = writeln!(questions, "{question}").and_then(|()| questions.flush());
        let answered = asked.and_then(|()| self.answers.read_line(&mut answer));
        let name = self.name;
        let answered = matches!(answered, Ok(1..));
        assert!(answered, "the oracle {name} gave up; what it needs, cargo xtask test installs");
        serde_json::from_str(&answer).expect("an answer is JSON")
    }

    /// Asks for frames.
    pub(crate) fn frames(&mut self, question: &Value) -> Vec<Vec<u8>> {
        let answer = self.ask(question);
        let frames = answer.as_array().expect("a list");
        frames.iter().map(|frame| from_hex(frame.as_str().expect("a string"))).collect()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles");
    folder.join(name).with_extension("py")
}

/// The system's Python where there is one: that is whose packages the system installs.
fn python() -> &'static str {
    let of_system = "/usr/bin/python3";
    if Path::new(of_system).exists() { of_system } else { "python3" }
}
