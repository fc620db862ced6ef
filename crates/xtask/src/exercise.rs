//! `cargo xtask exercise`: the driver's whole life in the lab, under seeds and with every allocation
//! failing in turn, while hostile programs use its control device.

/// What is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// How many seeds; every hundredth is told again with each of its allocations failing
    /// [default: 1000, or 1 with --seed]
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// The first seed [default: 1]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
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
    use std::{fmt::Write as _, path::Path};

    use anyhow::Result;
    use framecastctl::Batch;
    use ndis_lab::AdapterConfig;
    use protocol::{CountersRequest, Direction, Request, RequestHeader};
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
        Ok(codes)
    }

    /// Builds the driver and exercises it.
    ///
    /// # Errors
    ///
    /// When the driver does not build, or breaks a rule.
    pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
        let image = driver::build(workspace)?;
        let first = arguments.seed.unwrap_or(1);
        let seeds = arguments.seeds.unwrap_or(if arguments.seed.is_some() { 1 } else { SEEDS });
        let what = format!("Exercising the driver under {seeds} seeds");
        exercise(workspace, &what, &image.driver, first, seeds, &[])?;
        let swept = seeds.div_ceil(SWEPT);
        let what = format!("Failing every allocation under {swept} seeds");
        exercise(workspace, &what, &image.driver, first, swept, &["--faults"])
    }

    fn exercise(
        workspace: &Workspace,
        what: &str,
        driver: &Path,
        first: u64,
        seeds: u64,
        more: &[&str],
    ) -> Result<()> {
        let mut command = workspace.cargo("run");
        command.args(["--quiet", "--locked", "--release", "--package", "ndis-lab", "--"]);
        command.arg("exercise").arg(driver).args(more);
        command.args(["--seed", &first.to_string(), "--seeds", &seeds.to_string()]);
        for (code, input) in codes()? {
            let mut word = format!("{code:#x}=");
            for byte in input {
                write!(word, "{byte:02x}")?;
            }
            command.args(["--codes", &word]);
        }
        progress::shown(what, &mut command)
    }
}
