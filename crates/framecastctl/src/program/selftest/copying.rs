//! Checks of what the driver copies.

use std::time::{Duration, Instant};

use framecastctl::{Directions, Error, Filter, MirrorOptions, Status, TapOptions};
use protocol::{Direction, FilterInstruction, Reason, limits};

use super::{
    bench::{Bench, of_others, text},
    check::{Outcome, demand},
    frames,
};

type Result = std::result::Result<Outcome, String>;

pub(super) fn selects(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter().clone();
    let sent: Vec<_> = (0..20)
        .map(|number| frames::to_network(&adapter, number, if number % 2 == 0 { 100 } else { 200 }))
        .collect();
    // Frames longer than 150 bytes: ld len; jgt #150; ret #all; ret #0.
    let instruction = |code, jump_true, jump_false, operand| FilterInstruction {
        code,
        jump_true,
        jump_false,
        operand,
    };
    let filter = Filter::new(vec![
        instruction(0x80, 0, 0, 0),
        instruction(0x25, 0, 1, 150),
        instruction(0x06, 0, 0, 262_144),
        instruction(0x06, 0, 0, 0),
    ]);
    let filter = filter.map_err(text)?;
    let inject = || bench.inject(Direction::Send, &sent, 1).map(drop);
    let options = TapOptions { snap_length: 50, filter, ..TapOptions::default() };
    let seen = bench.watch(options, 10, inject)?;
    demand!(seen.len() == 10, "{} frames passed the filter instead of 10", seen.len());
    for (seen, sent) in seen.iter().zip(sent.iter().skip(1).step_by(2)) {
        demand!(seen.length() == 200, "its length on the wire is told as {}", seen.length());
        demand!(Some(seen.bytes.as_slice()) == sent.get(..50), "its first 50 bytes are others");
    }
    let seen = bench.watch(of_others(Directions::Both), 0, inject)?;
    demand!(seen.is_empty(), "{} frames of ours though not wanted", seen.len());
    let received = TapOptions { directions: Directions::Received, ..TapOptions::default() };
    let seen = bench.watch(received, 0, inject)?;
    demand!(seen.is_empty(), "{} frames of the other direction", seen.len());
    Ok(Outcome::Passed("10 of 20 frames by a filter, 50 of their 200 bytes".to_owned()))
}

pub(super) fn slow_reader(bench: &mut Bench<'_>) -> Result {
    let adapter = bench.adapter().clone();
    let frames: Vec<_> =
        (0..400).map(|number| frames::to_network(&adapter, number, 1000)).collect();
    let options = TapOptions {
        adapters: vec![adapter.luid],
        buffer_bytes: limits::TAP_BUFFER_LEAST,
        wake_bytes: limits::TAP_BUFFER_LEAST / 2,
        ..TapOptions::default()
    };
    let before = bench.counters()?.get(Reason::TapDropped);
    let mut tap = bench.watcher().tap(&options).map_err(text)?;
    bench.inject(Direction::Send, &frames, 1)?;
    let (mut seen, mut lost) = (0, 0);
    loop {
        let (at, told) = (seen, lost);
        for frame in tap.read().map_err(text)? {
            seen += u64::from(frames::is_ours(frame.bytes));
            lost += u64::from(frame.lost());
        }
        if (seen, lost) == (at, told) {
            break;
        }
    }
    let counts = tap.stop().map_err(text)?;
    demand!(counts.lost() > 0, "nothing was lost, though the buffer is smaller than the frames");
    demand!(seen + counts.lost() >= 400, "{seen} seen and {} lost of 400", counts.lost());
    demand!(lost <= counts.lost(), "frames tell of {lost} lost, the tap of {}", counts.lost());
    let dropped = bench.counters()?.get(Reason::TapDropped) - before;
    demand!(
        dropped == counts.lost(),
        "the adapter counts {dropped} lost, the tap {}",
        counts.lost()
    );
    Ok(Outcome::Passed(format!("{seen} of 400 copied, {} counted as lost", counts.lost())))
}

pub(super) fn mirror(bench: &mut Bench<'_>) -> Result {
    let Some(target) = bench.target().cloned() else {
        return Ok(Outcome::NotRun("name another adapter with --target".to_owned()));
    };
    let owner = bench.another_client()?;
    let options = MirrorOptions {
        directions: Directions::Received,
        ..MirrorOptions::new(bench.adapter().luid, target.luid)
    };
    let id = owner.add_mirror(&options).map_err(text)?;
    let mirrored = || {
        let mirrors = owner.mirrors().map_err(text)?;
        let mirror = mirrors.into_iter().find(|mirror| mirror.id == id);
        mirror.ok_or_else(|| "it is not listed".to_owned())
    };
    demand!(mirrored()?.own, "its own handle does not know it");
    receive_traffic(bench);
    let start = Instant::now();
    while mirrored()?.copies == 0 && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = mirrored()?;
    drop(owner);
    let left = bench.client().mirrors().map_err(text)?;
    demand!(left.iter().all(|mirror| mirror.id != id), "it outlived its handle");
    if done.copies == 0 && done.dropped() == 0 {
        return Ok(Outcome::NotRun("the adapter received nothing within five seconds".to_owned()));
    }
    demand!(done.copies > 0, "{} frames lost, none sent", done.dropped());
    Ok(Outcome::Passed(format!(
        "{} frames sent on {}, {} lost",
        done.copies,
        target.name,
        done.dropped()
    )))
}

/// Has frames come from the network, where that can be done: in the lab.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn receive_traffic(bench: &Bench<'_>) {
    let adapter = bench.adapter();
    if let Some(stack) = bench.host().and_then(|host| host.stack(adapter.luid)) {
        let frames = (0..100).map(|number| frames::to_host(adapter, number, 500));
        stack.indicate_from_below(frames, false);
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
const fn receive_traffic(_bench: &Bench<'_>) {}

pub(super) fn loops(bench: &mut Bench<'_>) -> Result {
    let luid = bench.adapter().luid;
    let client = bench.another_client()?;
    let refused = |source, target| match client.add_mirror(&MirrorOptions::new(source, target)) {
        Err(Error::Refused { status: Status::TOO_MANY_LINKS, .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(id) => Err(format!("mirror {id} was added")),
    };
    refused(luid, luid)?;
    let Some(target) = bench.target().map(|target| target.luid) else {
        return Ok(Outcome::Passed("onto itself; name another with --target for more".to_owned()));
    };
    let id = client.add_mirror(&MirrorOptions::new(luid, target)).map_err(text)?;
    refused(target, luid)?;
    client.remove_mirror(id).map_err(text)?;
    Ok(Outcome::Passed("onto itself, and there and back".to_owned()))
}
