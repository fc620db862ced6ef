//! Runs filter drivers from the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use ndis_lab::Parameter;

mod program;

/// An NDIS host for lightweight filter drivers.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what a driver imports, and which of it the lab does not have
    Imports {
        /// The driver's image
        file: PathBuf,
    },
    /// Run a driver's whole life, with traffic from a capture
    Run(RunArguments),
    /// Run a driver's whole life under chance: traffic, requests, events and faults that seeds
    /// decide, and a verdict
    Exercise(program::exercise::Arguments),
}

#[derive(Debug, Parser)]
struct RunArguments {
    /// The driver's image
    file: PathBuf,
    /// Traffic: a pcap or pcapng file; without one, one frame each way
    #[arg(long)]
    pcap: Option<PathBuf>,
    /// Which way the traffic goes
    #[arg(long, value_enum, default_value_t = Direction::Both)]
    direction: Direction,
    /// Where to write what left at the ends: wire.pcap and above.pcap
    #[arg(long)]
    out: Option<PathBuf>,
    /// Room that the drivers below want in front of a frame, in bytes
    #[arg(long, default_value_t = 0)]
    backfill: u32,
    /// Room that they want in a list's context, in bytes
    #[arg(long, default_value_t = 0)]
    context: u32,
    /// Put memory in front of unmapped pages
    #[arg(long)]
    guarded: bool,
    /// A value of the driver's configuration: a number, decimal or after 0x, or a text
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Parameter)>,
    /// Show what the driver prints
    #[arg(long)]
    print: bool,
    /// Print one line an event; columns: number, processor, IRQL, way (> the driver calls, < it
    /// is called, = it returns), function, object, status
    #[arg(long)]
    trace: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// From the network towards the protocols
    Up,
    /// From the protocols towards the network
    Down,
    /// Each frame both ways
    Both,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Command::Imports { file } => imports(file),
        Command::Run(arguments) => program::run::run(arguments),
        Command::Exercise(arguments) => program::exercise::run(arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            program::output::complain(&*error);
            ExitCode::from(2)
        }
    }
}

fn parameter(text: &str) -> Result<(String, Parameter), String> {
    let (name, value) = text.split_once('=').ok_or("it has to be NAME=VALUE")?;
    let Ok(value) = value.parse();
    Ok((name.to_owned(), value))
}

fn imports(file: &PathBuf) -> Result<bool, Box<dyn std::error::Error>> {
    let imports = ndis_lab::imports(file)?;
    let missing = imports.iter().filter(|import| !import.known).count();
    program::output::print(|out| {
        for import in &imports {
            let mark = if import.known { ' ' } else { '!' };
            writeln!(out, "{mark} {import}")?;
        }
        writeln!(out, "{} imports, {missing} of them not in the lab", imports.len())
    })?;
    Ok(missing == 0)
}
