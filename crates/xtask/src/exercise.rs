//! `cargo xtask exercise`: the driver's whole life in the lab, under seeds and with every allocation
//! failing in turn, while hostile programs use its control device.

/// What is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// How many seeds; every hundredth is told again with each of its allocations failing
    /// [default: 1000, or 1 with --seed]
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// The first seed [default: 1]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// What decides the order of everything: random, pct, free or, seed by seed, each of them
    #[arg(long, value_name = "HOW", default_value = "mixed")]
    pub schedule: String,
    /// Guard memory under every seed, not only under every second
    #[arg(long)]
    pub guarded: bool,
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use lab::{codes, run};

/// Says that there is no lab for this host.
///
/// # Errors
///
/// Always.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn run(_workspace: &crate::workspace::Workspace, _arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::bail!("the driver is exercised in ndis-lab, which needs Linux on x86-64")
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lab {
    use std::{fmt::Write as _, path::Path, process::Command};

    use anyhow::Result;
    use framecastctl::Batch;
    use ndis_lab::AdapterConfig;
    use protocol::{
        CountersRequest, Direction, FilterInstruction, MirrorRemoveRequest, MirrorRequest, Request,
        RequestHeader, TapRequest, copies, limits,
    };
    use zerocopy::IntoBytes as _;

    use super::Arguments;
    use crate::{driver, progress, workspace::Workspace};

    /// How many seeds, unless chosen.
    const SEEDS: u64 = 1000;

    /// One in so many seeds is swept: a sweep takes as long as this many seeds.
    const SWEPT: u64 = 100;

    /// Every control code of the driver, with inputs that it accepts from a lab with the adapters
    /// that exercises have.
    ///
    /// # Errors
    ///
    /// When a frame does not fit a batch.
    pub fn codes() -> Result<Vec<(u32, Vec<u8>)>> {
        let header = RequestHeader::default();
        let mut codes = vec![
            (Request::Version.code(), header.as_bytes().to_vec()),
            (Request::Adapters.code(), header.as_bytes().to_vec()),
        ];
        for luid in [0, AdapterConfig::numbered(1).luid] {
            let request = CountersRequest { header, luid };
            codes.push((Request::Counters.code(), request.as_bytes().to_vec()));
        }
        let (mut one, mut several) = (Batch::new(), Batch::new());
        one.push(&[0x02; 60])?;
        for length in [14, 60, 100, 300] {
            several.push(&vec![0x02; length])?;
            several.join(&[0x02; 64])?;
        }
        for number in [1, 2] {
            let luid = AdapterConfig::numbered(number).luid;
            for batch in [&one, &several] {
                for direction in [Direction::Send, Direction::Receive] {
                    codes.push((Request::Inject.code(), batch.request(luid, direction)));
                }
            }
        }
        codes.extend(taps());
        codes.extend(mirrors());
        Ok(codes)
    }

    /// Requests for taps: one that wants everything at once, and one of one adapter that waits for
    /// a while, and for frames of a kind that is rare.
    fn taps() -> Vec<(u32, Vec<u8>)> {
        let every = TapRequest {
            header: RequestHeader::default(),
            flags: copies::SENT | copies::RECEIVED | copies::OURS,
            snap_length: u32::MAX,
            buffer_bytes: limits::TAP_BUFFER_LEAST,
            wake_bytes: 1,
            timeout_milliseconds: u32::MAX,
            adapters: 0,
            instructions: 0,
            reserved: 0,
        };
        let some = TapRequest {
            flags: copies::RECEIVED,
            snap_length: 64,
            wake_bytes: limits::TAP_BUFFER_LEAST / 2,
            timeout_milliseconds: 1,
            adapters: 1,
            instructions: 1,
            ..every
        };
        // ret #40: forty bytes of every frame.
        let filter = FilterInstruction { code: 6, operand: 40, ..FilterInstruction::default() };
        let some =
            [some.as_bytes(), &AdapterConfig::numbered(1).luid.to_le_bytes(), filter.as_bytes()];
        let bare = || RequestHeader::default().as_bytes().to_vec();
        vec![
            (Request::TapStart.code(), every.as_bytes().to_vec()),
            (Request::TapStart.code(), some.concat()),
            (Request::TapRead.code(), bare()),
            (Request::TapRead.code(), bare()),
            (Request::TapStop.code(), bare()),
        ]
    }

    /// Requests for mirrors: either way between two adapters, so that one of them is a loop, and
    /// their end.
    fn mirrors() -> Vec<(u32, Vec<u8>)> {
        let luid = |number| AdapterConfig::numbered(number).luid;
        let header = RequestHeader::default();
        let all = MirrorRequest {
            header,
            source: luid(1),
            target: luid(2),
            flags: copies::SENT | copies::RECEIVED,
            snap_length: u32::MAX,
            tag: 0,
            reserved: 0,
            instructions: 0,
        };
        let back = MirrorRequest {
            source: luid(2),
            target: luid(1),
            flags: copies::RECEIVED | copies::TAGGED | copies::PERSISTENT,
            snap_length: 100,
            tag: 0x2064,
            ..all
        };
        let remove = |id| MirrorRemoveRequest { header, id };
        vec![
            (Request::MirrorAdd.code(), all.as_bytes().to_vec()),
            (Request::MirrorAdd.code(), back.as_bytes().to_vec()),
            (Request::MirrorRemove.code(), remove(1).as_bytes().to_vec()),
            (Request::MirrorRemove.code(), remove(2).as_bytes().to_vec()),
            (Request::Mirrors.code(), header.as_bytes().to_vec()),
        ]
    }

    /// Builds the driver and exercises it.
    ///
    /// # Errors
    ///
    /// When the driver does not build, or breaks a rule.
    pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
        let image = driver::build(workspace)?;
        let seeds = arguments.seeds.unwrap_or(if arguments.seed.is_some() { 1 } else { SEEDS });
        let what = format!("Exercising the driver under {seeds} seeds");
        progress::shown(&what, &mut command(workspace, &image.driver, arguments, seeds)?)?;
        let swept = seeds.div_ceil(SWEPT);
        let what = format!("Failing every allocation under {swept} seeds");
        let mut command = command(workspace, &image.driver, arguments, swept)?;
        progress::shown(&what, command.arg("--faults"))
    }

    /// The command that exercises the driver.
    fn command(
        workspace: &Workspace,
        driver: &Path,
        arguments: &Arguments,
        seeds: u64,
    ) -> Result<Command> {
        let mut command = workspace.cargo("run");
        command.args(["--quiet", "--locked", "--release", "--package", "ndis-lab", "--"]);
        command.arg("exercise").arg(driver).args(["--schedule", &arguments.schedule]);
        let first = arguments.seed.unwrap_or(1);
        command.args(["--seed", &first.to_string(), "--seeds", &seeds.to_string()]);
        if arguments.guarded {
            command.arg("--guarded");
        }
        for (code, input) in codes()? {
            let mut word = format!("{code:#x}=");
            for byte in input {
                write!(word, "{byte:02x}")?;
            }
            command.args(["--codes", &word]);
        }
        Ok(command)
    }
}
