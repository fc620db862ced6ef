//! `cargo xtask`: set-up, build, demo, test and lint on any host.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use wdk_kit::Architecture;
use xtask::{
    bench, ctl, demo, driver, exercise, header, inf, lint, mutants, package, test,
    workspace::Workspace,
};

/// Framecast's commands. Each sets up what it needs first.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install and fetch all that a build needs, and build nothing
    Setup,
    /// Check that the driver compiles, without linking it
    Check,
    /// Build the driver: target/driver/x64/framecast.sys
    Build {
        /// The processor that it is for
        #[arg(long, value_name = "ARCH", value_parser = driver::architecture, default_value = "x64")]
        arch: Architecture,
    },
    /// Build framecastctl for Windows: target/framecastctl/x64/framecastctl.exe
    Framecastctl {
        /// The processor that it is for
        #[arg(long, value_name = "ARCH", value_parser = driver::architecture, default_value = "x64")]
        arch: Architecture,
        /// Build it for Wine, too: target/framecastctl/wine
        #[arg(long, conflicts_with = "arch")]
        wine: bool,
    },
    /// Build the driver, then run every test of the host crates
    Test {
        /// What to hand on to `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check formatting, lints, documentation and where unsafe code is
    Lint,
    /// Show the driver at work in the lab
    Demo(demo::Arguments),
    /// Count and measure what a frame costs, beside the least that it could cost
    Bench(bench::Arguments),
    /// Run the driver's whole life in the lab under seeds, with every allocation failing in turn
    Exercise(exercise::Arguments),
    /// Plant mistakes in the driver, one at a time, and show which check catches each
    Mutants(mutants::Arguments),
    /// Package the driver for Windows, with a catalog and signatures: target/package/x64
    Package(package::Arguments),
    /// Write the control interface as a header for C: docs/framecast.h
    Header,
    /// Check setup information files for the rules of NDIS filter drivers
    Inf(inf::Arguments),
    /// Run any cargo command on the driver, as `build` and `lint` do
    Driver {
        /// The cargo command and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(demo::exit_status(&error))
        }
    }
}

fn run(command: Command) -> Result<()> {
    let workspace = Workspace::here();
    match command {
        Command::Setup => driver::setup(&workspace),
        Command::Check => driver::check(&workspace),
        Command::Build { arch } => {
            let image = driver::build_for(&workspace, arch)?;
            println!("{}", workspace.shown(&image.driver));
            Ok(())
        }
        Command::Framecastctl { arch, wine } => {
            let program = if wine {
                ctl::build_for_wine(&workspace)?
            } else {
                ctl::build(&workspace, arch)?.program
            };
            println!("{}", workspace.shown(&program));
            Ok(())
        }
        Command::Test { arguments } => test::run(&workspace, &arguments),
        Command::Lint => lint::run(&workspace),
        Command::Demo(arguments) => demo::run(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Exercise(arguments) => exercise::run(&workspace, &arguments),
        Command::Mutants(arguments) => mutants::run(&workspace, &arguments),
        Command::Package(arguments) => package::run(&workspace, &arguments),
        Command::Header => header::run(&workspace),
        Command::Inf(arguments) => inf::run(&workspace, &arguments),
        Command::Driver { arguments } => driver::cargo(&workspace, &arguments),
    }
}
