//! The program: its commands, and what they have in common.

mod adapters;
mod arguments;
mod clock;
mod counters;
mod environment;
mod extcap;
mod failure;
mod filter_arguments;
mod interrupt;
mod mirror;
mod output;
mod progress;
mod selftest;
mod send;
mod show;
mod tap;

use clap::Parser;

use arguments::{Arguments, Command};
use environment::Environment;
use failure::Failure;

/// Runs the program; gives its exit status.
pub(crate) fn run() -> i32 {
    let arguments = Arguments::parse_from(extcap::with_subcommand(std::env::args_os()));
    match carry_out(&arguments) {
        Ok(()) => 0,
        // Its reader has seen enough.
        Err(failure) if failure.is_broken_pipe() => 0,
        Err(failure) => {
            if let Some(message) = failure.message() {
                show::aside(format_args!("framecastctl: {message}"));
            }
            failure.exit_status()
        }
    }
}

fn carry_out(arguments: &Arguments) -> Result<(), Failure> {
    interrupt::install();
    arguments.command.check()?;
    if let Command::Extcap(extcap) = &arguments.command {
        return extcap::run(extcap, &arguments.environment);
    }
    if let Command::Send(send) = &arguments.command
        && send.dry_run
    {
        return send::dry_run(send, arguments.json);
    }
    let mut environment = Environment::open(&arguments.environment)?;
    let done = command(&arguments.command, &mut environment, arguments.json);
    // What the lab has to say of the driver explains why a command failed.
    environment.close().and(done)
}

fn command(command: &Command, environment: &mut Environment, json: bool) -> Result<(), Failure> {
    match command {
        Command::Adapters => adapters::run(environment, json),
        Command::Send(arguments) => send::run(arguments, environment, json),
        Command::Tap(arguments) => tap::run(arguments, environment, json),
        Command::Mirror(arguments) => mirror::run(arguments, environment, json),
        Command::Extcap(_) => unreachable!("it opens its environment itself"),
        Command::Selftest(arguments) => selftest::run(arguments, environment, json),
        Command::Counters(arguments) => counters::run(arguments, environment, json),
    }
}
