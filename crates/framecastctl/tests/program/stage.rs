//! Runs the program.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use framecastctl::capture::CaptureReader;
use serde_json::Value;

/// The program, to be given arguments.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_framecastctl"));
    for name in ["FRAMECAST_LAB", "FRAMECAST_LAB_CONFIG"] {
        command.env_remove(name);
    }
    command
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) printed: String,
    pub(crate) said: String,
}

impl Run {
    /// Runs the program.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        Self::end(program().args(arguments).output().expect("the program starts"))
    }

    /// Runs it against the driver in the lab.
    pub(crate) fn in_lab(arguments: &[&str]) -> Self {
        Self::of(&[&["--lab"], arguments].concat())
    }

    pub(crate) fn end(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self {
            status: output.status.code(),
            printed: text(output.stdout),
            said: text(output.stderr),
        }
    }

    /// It did what it was asked for, and said nothing on standard error.
    #[track_caller]
    pub(crate) fn expect_done(&self) -> &Self {
        assert_eq!((self.status, self.said.as_str()), (Some(0), ""), "{}", self.printed);
        self
    }

    /// It ended so, with one line that says why.
    #[track_caller]
    pub(crate) fn expect_failure(&self, status: i32, line: &str) {
        let expected = format!("framecastctl: {line}\n");
        assert_eq!((self.status, self.said.as_str()), (Some(status), expected.as_str()));
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.printed).expect("it printed JSON")
    }
}

/// A capture of the tests.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name)
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The frames of a capture.
#[track_caller]
pub(crate) fn frames(path: &Path) -> Vec<Vec<u8>> {
    let frames = CaptureReader::open(path).expect("a capture");
    frames.map(|frame| frame.expect("a frame").bytes).collect()
}

/// The frames of a capture that is still being written: those that are whole.
pub(crate) fn frames_so_far(path: &Path) -> Vec<Vec<u8>> {
    let frames = CaptureReader::open(path).into_iter().flatten().map_while(Result::ok);
    frames.map(|frame| frame.bytes).collect()
}

/// What a program of Debian's package prints, in the language that the tests know.
#[track_caller]
pub(crate) fn tool(program: &str, package: &str, arguments: &[&str]) -> String {
    match Command::new(program).env("LC_ALL", "C.UTF-8").args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).expect("text"),
        Ok(output) => panic!("{program}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{program}: {error}; install Debian's package {package}"),
    }
}

/// Fields of each frame, as tshark reads them.
#[track_caller]
pub(crate) fn fields(file: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let mut arguments = vec!["-r", text(file), "-T", "fields"];
    arguments.extend(names.iter().flat_map(|name| ["-e", name]));
    let printed = tool("tshark", "tshark", &arguments);
    printed.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
