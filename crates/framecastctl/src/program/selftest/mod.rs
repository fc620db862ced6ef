//! `framecastctl selftest`: whether the driver that is here does what it should.
//!
//! Everything is asked through the control device, so that the same checks run against the driver
//! that is installed and against the one in the lab; what only a lab can do, such as to pause an
//! adapter, is not run elsewhere, and the table says so.

mod bench;
mod check;
mod copying;
mod frames;
mod hostile;
mod originating;

use serde_json::json;

use super::{environment::Environment, failure::Failure, show};
use bench::Bench;
use check::{Check, Outcome};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The adapter: frames of EtherType 0x88B5 are sent on it, to a group address of their own
    adapter: String,
    /// Another adapter, for a mirror that sends on it what the first receives
    #[arg(long, value_name = "ADAPTER")]
    target: Option<String>,
}

/// Every check, in the order in which they run.
const CHECKS: [Check; 15] = [
    Check { name: "Driver and program speak one protocol", run: originating::version },
    Check { name: "The adapter runs, and its buffers are home", run: originating::at_rest },
    Check { name: "Frames of every length reach the network", run: originating::to_the_network },
    Check { name: "Frames of every length reach this host", run: originating::to_the_host },
    Check { name: "Frames with a tag may have four bytes more", run: originating::tagged },
    Check { name: "Other lengths are refused, frame by frame", run: originating::lengths },
    Check { name: "Batches arrive whole and in order", run: originating::batches },
    Check { name: "Counters tell what happened", run: originating::counters },
    Check { name: "Drivers below find the room they asked for", run: originating::room },
    Check { name: "A pause refuses frames, a restart takes them", run: originating::pause },
    Check { name: "A tap cuts, filters and counts", run: copying::selects },
    Check { name: "A slow reader is told of each frame it lost", run: copying::slow_reader },
    Check { name: "A mirror sends what the other receives", run: copying::mirror },
    Check { name: "Mirrors that would loop are refused", run: copying::loops },
    Check { name: "Hostile requests are refused as documented", run: hostile::requests },
];

pub(super) fn run(
    arguments: &Arguments,
    environment: &mut Environment,
    json: bool,
) -> Result<(), Failure> {
    let adapter = environment.adapter(&arguments.adapter)?;
    let target = match &arguments.target {
        Some(name) => Some(environment.adapter(name)?),
        None => None,
    };
    environment.begin_traffic()?;
    let mut bench = Bench::new(environment, adapter, target)?;
    let mut rows = Vec::new();
    for check in &CHECKS {
        let outcome = (check.run)(&mut bench).unwrap_or_else(Outcome::Failed);
        rows.push((check.name, outcome));
    }
    let count = |wanted: fn(&Outcome) -> bool| rows.iter().filter(|(_, it)| wanted(it)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed(_)));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let not_run = rows.len() - passed - failed;
    let value = json!({
        "adapter": bench.adapter().name,
        "passed": passed,
        "failed": failed,
        "not_run": not_run,
        "checks": rows.iter().map(|(name, outcome)| json!({
            "check": name, "result": outcome.word(), "detail": outcome.detail(),
        })).collect::<Vec<_>>(),
    });
    let mut table = show::table(["Check", "Result", "What was seen"]);
    for (name, outcome) in &rows {
        table.add_row([*name, outcome.word(), outcome.detail()]);
    }
    let text = format!("{table}\n{passed} passed, {failed} failed, {not_run} not run");
    show::result(json, &value, text)?;
    if failed > 0 { Err(Failure::Said) } else { Ok(()) }
}
