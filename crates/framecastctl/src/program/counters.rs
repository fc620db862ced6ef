//! `framecastctl counters`.

use std::time::{Duration, Instant};

use protocol::{CountersReply, Reason};
use serde_json::{Map, Value};

use super::{environment::Environment, failure::Failure, interrupt, show};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The adapter; all since the driver was loaded, those that are gone included, for none
    adapter: Option<String>,
    /// Go on, with one line of what came since for each of so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1",
          value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
}

pub(super) fn run(
    arguments: &Arguments,
    environment: &mut Environment,
    json: bool,
) -> Result<(), Failure> {
    let luid = match &arguments.adapter {
        Some(name) => Some(environment.adapter(name)?.luid),
        None => None,
    };
    environment.begin_traffic()?;
    let ask = |environment: &Environment| environment.client().counters(luid);
    let Some(seconds) = arguments.watch else {
        return print(&ask(environment)?, json);
    };
    let mut before = ask(environment)?;
    let mut due = Instant::now();
    while !interrupt::is_interrupted() && !environment.traffic_is_over() {
        due += Duration::from_secs(seconds);
        interrupt::sleep_until(due);
        let now = ask(environment)?;
        if json {
            show::line(&object(&now))?;
        } else {
            show::lines(difference(&before, &now))?;
        }
        before = now;
    }
    Ok(())
}

fn print(counters: &CountersReply, json: bool) -> Result<(), Failure> {
    let mut table = show::table(["Counter", "Value"]);
    for reason in Reason::ALL {
        table.add_row([meaning(reason).to_owned(), counters.get(reason).to_string()]);
    }
    show::result(json, &object(counters), table)
}

/// What has grown, on one line.
fn difference(before: &CountersReply, now: &CountersReply) -> String {
    let grown = Reason::ALL.into_iter().filter_map(|reason| {
        let more = now.get(reason).saturating_sub(before.get(reason));
        (more > 0).then(|| format!("{}: {more}", meaning(reason)))
    });
    let grown: Vec<_> = grown.collect();
    if grown.is_empty() { "nothing".to_owned() } else { grown.join("; ") }
}

fn object(counters: &CountersReply) -> Value {
    let pairs = Reason::ALL.into_iter();
    let map: Map<_, _> =
        pairs.map(|reason| (key(reason).to_owned(), counters.get(reason).into())).collect();
    Value::Object(map)
}

/// A counter's name in JSON.
const fn key(reason: Reason) -> &'static str {
    match reason {
        Reason::Sent => "sent",
        Reason::Indicated => "indicated",
        Reason::Bytes => "bytes",
        Reason::RefusedLength => "refused_length",
        Reason::RefusedPaused => "refused_paused",
        Reason::RefusedResources => "refused_resources",
        Reason::RefusedCancelled => "refused_cancelled",
        Reason::FailedBelow => "failed_below",
        Reason::BadRequests => "bad_requests",
        Reason::SendsRejectedPaused => "sends_rejected_paused",
        Reason::ReceivesRejectedPaused => "receives_rejected_paused",
        Reason::Tapped => "tapped",
        Reason::TapDropped => "tap_dropped",
        Reason::MirrorSent => "mirror_sent",
        Reason::MirrorDropped => "mirror_dropped",
        Reason::MirrorLoopsRefused => "mirror_loops_refused",
    }
}

/// A counter's name for people.
const fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::Sent => "Injected and sent",
        Reason::Indicated => "Injected and received",
        Reason::Bytes => "Bytes of these",
        Reason::RefusedLength => "Refused for their length",
        Reason::RefusedPaused => "Refused by a pause",
        Reason::RefusedResources => "Refused for want of memory",
        Reason::RefusedCancelled => "Cancelled",
        Reason::FailedBelow => "Failed below",
        Reason::BadRequests => "Bad requests",
        Reason::SendsRejectedPaused => "Passing sends that found it paused",
        Reason::ReceivesRejectedPaused => "Passing receives that found it paused",
        Reason::Tapped => "Tapped",
        Reason::TapDropped => "Lost by taps",
        Reason::MirrorSent => "Sent by mirrors",
        Reason::MirrorDropped => "Lost by mirrors",
        Reason::MirrorLoopsRefused => "Mirrors refused as loops",
    }
}
