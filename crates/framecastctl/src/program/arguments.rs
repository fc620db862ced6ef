use clap::{Parser, Subcommand};

use super::{
    counters, environment::EnvironmentArguments, extcap, failure::Failure, mirror, selftest, send,
    tap,
};

const AFTER: &str = "\
Adapters are named by index, LUID (0x…), GUID, friendly name or address, or by the beginning of one
that no other adapter shares.

Exit status: 0 done; 1 done, but frames were refused, a check failed, or the driver broke a rule in
the lab; 2 an argument or a file cannot be used; 3 the driver is not there; 4 the driver refused.";

/// Copies and originates frames on any adapter, through the Framecast driver.
#[derive(Debug, Parser)]
#[command(name = "framecastctl", version, arg_required_else_help = true, after_help = AFTER)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) environment: EnvironmentArguments,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the adapters that the driver serves
    Adapters,
    /// Originate the frames of captures on an adapter
    Send(send::Arguments),
    /// Copy the frames of adapters into a capture
    Tap(tap::Arguments),
    /// Send copies of one adapter's frames on another
    #[command(subcommand)]
    Mirror(mirror::Arguments),
    /// Show what the driver has counted
    Counters(counters::Arguments),
    /// Check that the driver does what it should
    Selftest(selftest::Arguments),
    /// Serve Wireshark, which starts this by itself: see the README
    Extcap(extcap::Arguments),
}

impl Command {
    /// Whether its arguments can be meant, all together: known before a driver is asked.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Send(arguments) => arguments.check(),
            Self::Tap(arguments) => arguments.check(),
            Self::Mirror(arguments) => arguments.check(),
            Self::Adapters | Self::Counters(_) | Self::Selftest(_) | Self::Extcap(_) => Ok(()),
        }
    }
}
