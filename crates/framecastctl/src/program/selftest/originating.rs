//! Checks of what the driver originates.

use framecastctl::Status;
use protocol::{AdapterState, Direction, PROTOCOL_VERSION, Reason};

use super::{
    bench::{Bench, text},
    check::{Outcome, demand},
    frames,
};

type Result = std::result::Result<Outcome, String>;

pub(super) fn version(bench: &mut Bench<'_>) -> Result {
    let version = bench.client().version().map_err(text)?;
    demand!(version.protocol == PROTOCOL_VERSION, "the driver speaks {}", version.protocol);
    let [major, minor, patch] = version.driver;
    let [ndis_major, ndis_minor] = version.ndis;
    Ok(Outcome::Passed(format!(
        "protocol {PROTOCOL_VERSION}, driver {major}.{minor}.{patch}, NDIS {ndis_major}.{ndis_minor}"
    )))
}

pub(super) fn at_rest(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter_now()?;
    demand!(adapter.state == Some(AdapterState::Running), "its state is {:?}", adapter.state);
    let (free, all) = (adapter.frame_buffers_free, adapter.frame_buffers);
    demand!(all > 0 && free == all, "{free} of {all} buffers are free while nothing is sent");
    demand!(adapter.max_frame == adapter.mtu + 14, "it takes {} bytes", adapter.max_frame);
    Ok(Outcome::Passed(format!("{all} buffers for frames of {} bytes", adapter.max_frame)))
}

/// Frames of every length, one way.
fn every_length(bench: &Bench<'_>, direction: Direction) -> Result {
    let adapter = bench.adapter().clone();
    let lengths = frames::lengths(adapter.max_frame as usize);
    let make = match direction {
        Direction::Send => frames::to_network,
        Direction::Receive => frames::to_host,
    };
    let sent: Vec<_> =
        (0..).zip(&lengths).map(|(at, &length)| make(&adapter, at, length)).collect();
    for frame in &sent {
        bench.round_trip(direction, std::slice::from_ref(frame), 1)?;
    }
    Ok(Outcome::Passed(format!(
        "{} lengths from {} to {} bytes, unchanged",
        lengths.len(),
        frames::SHORTEST,
        adapter.max_frame
    )))
}

pub(super) fn to_the_network(bench: &mut Bench<'_>) -> Result {
    every_length(bench, Direction::Send)
}

pub(super) fn to_the_host(bench: &mut Bench<'_>) -> Result {
    every_length(bench, Direction::Receive)
}

pub(super) fn tagged(bench: &mut Bench<'_>) -> Result {
    let most = bench.adapter().max_frame as usize;
    let frame = frames::tagged(frames::to_network(bench.adapter(), 0, most));
    let length = frame.len();
    bench.round_trip(Direction::Send, &[frame], 1)?;
    let longer = frames::tagged(frames::to_network(bench.adapter(), 0, most + 1));
    let statuses = bench.inject(Direction::Send, &[longer], 1)?;
    demand!(statuses == [Status::INVALID_LENGTH], "one byte more: {statuses:?}");
    Ok(Outcome::Passed(format!("{length} bytes arrived, {} were refused", length + 1)))
}

pub(super) fn lengths(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter().clone();
    let most = adapter.max_frame as usize;
    let lengths = [60, most + 1, 60, 13, 1, 0, 60, 65_535, 262_144, 60];
    for direction in [Direction::Send, Direction::Receive] {
        let frames: Vec<_> =
            lengths.iter().map(|&length| frames::to_network(&adapter, length, length)).collect();
        let statuses = bench.inject(direction, &frames, 1)?;
        for (&length, status) in lengths.iter().zip(statuses) {
            let fits = (frames::SHORTEST..=most).contains(&length);
            let expected = if fits { Status::SUCCESS } else { Status::INVALID_LENGTH };
            demand!(status == expected, "{length} bytes: {status}");
        }
    }
    Ok(Outcome::Passed("each with a status of its own; those between them arrived".to_owned()))
}

pub(super) fn batches(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter().clone();
    let lengths = frames::lengths((adapter.max_frame as usize).min(1514));
    let make = |number: usize| {
        let length = lengths.get(number % lengths.len()).copied().unwrap_or(60).max(40);
        (frames::to_network(&adapter, number, length), frames::to_host(&adapter, number, length))
    };
    let (down, up): (Vec<_>, Vec<_>) = (0..1000).map(make).unzip();
    for list in [1, 2, 64] {
        bench
            .round_trip(Direction::Send, &down, list)
            .map_err(|it| format!("lists of {list}: {it}"))?;
    }
    bench.round_trip(Direction::Receive, &up, 1)?;
    Ok(Outcome::Passed("1000 frames, in lists of 1, 2 and 64, and to this host".to_owned()))
}

pub(super) fn counters(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter().clone();
    let before = bench.counters()?;
    let down: Vec<_> = (0..10).map(|number| frames::to_network(&adapter, number, 100)).collect();
    let up: Vec<_> = (0..7).map(|number| frames::to_host(&adapter, number, 50)).collect();
    let long = frames::to_network(&adapter, 0, adapter.max_frame as usize + 1);
    bench.inject_seen(Direction::Send, &down, 1)?;
    bench.inject_seen(Direction::Receive, &up, 1)?;
    bench.inject(Direction::Send, &[long], 1)?;
    let after = bench.counters()?;
    for (reason, more) in [
        (Reason::Sent, 10),
        (Reason::Indicated, 7),
        (Reason::Bytes, 10 * 100 + 7 * 50),
        (Reason::RefusedLength, 1),
        (Reason::RefusedPaused, 0),
        (Reason::FailedBelow, 0),
    ] {
        let grown = after.get(reason) - before.get(reason);
        demand!(grown == more, "{reason:?} grew by {grown} instead of {more}");
    }
    let tapped = after.get(Reason::Tapped) - before.get(Reason::Tapped);
    demand!(tapped >= 17, "{tapped} frames were tapped of 17");
    let adapter = bench.adapter_now()?;
    let (free, all) = (adapter.frame_buffers_free, adapter.frame_buffers);
    demand!(free == all, "{} buffers did not come home", all - free);
    Ok(Outcome::Passed("17 frames and one refusal counted; every buffer home".to_owned()))
}

/// That NDIS had to allocate nothing for a driver below shows in the lab only.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) fn room(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter().clone();
    let (data, context) = (adapter.data_backfill, adapter.context_backfill);
    let Some(host) = bench.host() else { return Ok(told(data, context)) };
    let before = host.lab().counters().ndis_allocations_for_retreat;
    let frames: Vec<_> = (0..64).map(|number| frames::to_network(&adapter, number, 500)).collect();
    bench.inject(Direction::Send, &frames, 1)?;
    bench.inject(Direction::Send, &frames, 32)?;
    let allocated = host.lab().counters().ndis_allocations_for_retreat - before;
    demand!(allocated == 0, "NDIS allocated {allocated} times for want of room");
    Ok(Outcome::Passed(format!("{data} + {context} bytes: 128 frames, no allocation by NDIS")))
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[allow(clippy::unnecessary_wraps, reason = "it is a check, as the others are")]
pub(super) fn room(bench: &mut Bench<'_>) -> Result {
    Ok(told(bench.adapter().data_backfill, bench.adapter().context_backfill))
}

fn told(data: u32, context: u32) -> Outcome {
    Outcome::NotRun(format!(
        "the driver leaves {data} + {context} bytes; that they suffice shows in the lab"
    ))
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) fn pause(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter().clone();
    let Some(stack) = bench.host().and_then(|host| host.stack(adapter.luid)) else {
        return Ok(by_hand());
    };
    let frame = [frames::to_network(&adapter, 0, 60)];
    stack.pause();
    for direction in [Direction::Send, Direction::Receive] {
        let statuses = bench.inject(direction, &frame, 1)?;
        demand!(statuses == [Status::PAUSED], "while it is paused: {statuses:?}");
    }
    let state = bench.adapter_now()?.state;
    demand!(state == Some(AdapterState::Paused), "its state is {state:?}");
    stack.start().map_err(text)?;
    bench.round_trip(Direction::Send, &frame, 1)?;
    Ok(Outcome::Passed("refused while it was paused, sent after the restart".to_owned()))
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[allow(clippy::unnecessary_wraps, reason = "it is a check, as the others are")]
pub(super) fn pause(_bench: &mut Bench<'_>) -> Result {
    Ok(by_hand())
}

fn by_hand() -> Outcome {
    Outcome::NotRun("only the lab pauses an adapter; here: disable and enable it".to_owned())
}
