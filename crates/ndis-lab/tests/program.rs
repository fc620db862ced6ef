//! The program: what it prints, to whom.

use std::io::{pipe, read_to_string};
use std::path::Path;
use std::process::{Command, Output};

/// The program, to be run on the driver that `cargo xtask build` left.
fn program(arguments: &[&str]) -> Command {
    let driver =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/driver/x64/framecast.sys");
    assert!(driver.is_file(), "there is no {}; cargo xtask build makes it", driver.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_ndis-lab"));
    let (name, rest) = arguments.split_first().expect("a command");
    command.arg(name).arg(driver).args(rest).env("RUST_BACKTRACE", "0");
    command
}

/// Runs it for a reader that is gone.
fn for_nobody(command: &mut Command) -> Output {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    command.stdout(writer).output().expect("it starts")
}

#[test]
fn it_ends_quietly_when_its_reader_is_gone() {
    let exercise = ["exercise", "--seed", "1", "--trace"];
    for arguments in
        [&["imports"][..], &["run", "--trace"], &exercise, &["exercise", "--seeds", "1", "--json"]]
    {
        let output = for_nobody(&mut program(arguments));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn an_error_that_nobody_reads_is_still_one() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = program(&["run", "--pcap", "/nowhere"]);
    assert_eq!(command.stderr(writer).status().expect("it starts").code(), Some(2));
    let (reader, writer) = pipe().expect("a pipe");
    let mut command = program(&["run", "--pcap", "/nowhere"]);
    let status = command.stderr(writer).status().expect("it starts");
    drop(command);
    assert_eq!(status.code(), Some(2));
    assert!(read_to_string(reader).expect("text").starts_with("ndis-lab: cannot open /nowhere"));
}
