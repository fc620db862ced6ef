//! `framecastctl adapters`.

use framecastctl::Adapter;
use protocol::AdapterState;
use serde::Serialize;

use super::{environment::Environment, failure::Failure, show};

/// An adapter, as JSON names its parts.
#[derive(Serialize)]
struct Line {
    index: u32,
    luid: String,
    guid: String,
    name: String,
    mac: String,
    state: &'static str,
    mtu: u32,
    max_frame: u32,
    data_backfill: u32,
    context_backfill: u32,
    frame_buffers: u32,
    frame_buffers_free: u32,
    pools: u32,
    pool_rebuilds: u32,
}

pub(super) fn run(environment: &Environment, json: bool) -> Result<(), Failure> {
    let adapters = environment.client().adapters()?;
    let lines: Vec<_> = adapters.iter().map(Line::of).collect();
    let mut table =
        show::table(["Index", "Name", "Address", "State", "MTU", "Room below", "Frame buffers"]);
    for line in &lines {
        table.add_row([
            line.index.to_string(),
            line.name.clone(),
            line.mac.clone(),
            line.state.to_owned(),
            line.mtu.to_string(),
            format!("{} + {} bytes", line.data_backfill, line.context_backfill),
            format!("{} of {} free", line.frame_buffers_free, line.frame_buffers),
        ]);
    }
    show::result(json, &lines, table)
}

impl Line {
    fn of(adapter: &Adapter) -> Self {
        Self {
            index: adapter.if_index,
            luid: show::luid(adapter.luid),
            guid: adapter.guid.clone(),
            name: adapter.name.clone(),
            mac: adapter.address(),
            state: state(adapter.state),
            mtu: adapter.mtu,
            max_frame: adapter.max_frame,
            data_backfill: adapter.data_backfill,
            context_backfill: adapter.context_backfill,
            frame_buffers: adapter.frame_buffers,
            frame_buffers_free: adapter.frame_buffers_free,
            pools: adapter.pools,
            pool_rebuilds: adapter.pool_rebuilds,
        }
    }
}

const fn state(state: Option<AdapterState>) -> &'static str {
    match state {
        Some(AdapterState::Paused) => "paused",
        Some(AdapterState::Restarting) => "restarting",
        Some(AdapterState::Running) => "running",
        Some(AdapterState::Pausing) => "pausing",
        None => "unknown",
    }
}
