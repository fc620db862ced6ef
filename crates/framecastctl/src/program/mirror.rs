//! `framecastctl mirror`.

use std::{thread, time::Duration};

use framecastctl::{Adapter, Directions, Mirror, MirrorOptions};
use protocol::MirrorDrop;
use serde_json::{Map, Value, json};

use super::{
    environment::Environment, failure::Failure, filter_arguments::FilterArguments, interrupt, show,
    tap::Only,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Arguments {
    /// Begin to send copies; it stays until it is removed or the driver is unloaded
    Add(AddArguments),
    /// End a mirror
    Remove {
        /// Its number, as 'mirror list' shows it
        id: u64,
    },
    /// Show the mirrors, and what they have done
    List,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArguments {
    /// The adapter whose frames are copied
    source: String,
    /// The adapter that sends the copies
    target: String,
    /// Copy frames of one direction only
    #[arg(long, value_enum)]
    only: Option<Only>,
    #[command(flatten)]
    filter: FilterArguments,
    /// Put a tag of this VLAN in front of the copies
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(0..=4094))]
    vlan: Option<u16>,
    /// The priority in that tag
    #[arg(long, value_name = "0-7", requires = "vlan", default_value_t = 0,
          value_parser = clap::value_parser!(u16).range(0..=7))]
    priority: u16,
    /// Bytes to copy of each frame, at most
    #[arg(short = 's', long, value_name = "BYTES", default_value_t = u32::MAX, hide_default_value = true,
          value_parser = clap::value_parser!(u32).range(14..))]
    snaplen: u32,
    /// Stay here, and end the mirror with Ctrl-C
    #[arg(long)]
    foreground: bool,
}

impl Arguments {
    /// Whether they can be meant, all together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Add(arguments) => arguments.filter.filter().map(drop),
            Self::Remove { .. } | Self::List => Ok(()),
        }
    }
}

pub(super) fn run(
    arguments: &Arguments,
    environment: &mut Environment,
    json: bool,
) -> Result<(), Failure> {
    match arguments {
        Arguments::Add(arguments) => add(arguments, environment, json),
        Arguments::Remove { id } => {
            environment.client().remove_mirror(*id)?;
            show::result(json, &json!({"removed": id}), format!("mirror {id} removed"))
        }
        Arguments::List => {
            let mirrors = environment.client().mirrors()?;
            let adapters = environment.client().adapters()?;
            print(&mirrors, &adapters, json)
        }
    }
}

fn add(arguments: &AddArguments, environment: &mut Environment, json: bool) -> Result<(), Failure> {
    let source = environment.adapter(&arguments.source)?;
    let target = environment.adapter(&arguments.target)?;
    let options = MirrorOptions {
        directions: Only::directions(arguments.only),
        persistent: !arguments.foreground,
        tag: arguments.vlan.map(|vlan| arguments.priority << 13 | vlan),
        snap_length: arguments.snaplen,
        filter: arguments.filter.filter()?,
        ..MirrorOptions::new(source.luid, target.luid)
    };
    let id = environment.client().add_mirror(&options)?;
    if !arguments.foreground {
        let text = format!("mirror {id} sends the frames of {} on {}", source.name, target.name);
        return show::result(json, &json!({"added": id}), text);
    }
    environment.begin_traffic()?;
    while !interrupt::is_interrupted() && !environment.traffic_is_over() {
        thread::sleep(Duration::from_millis(50));
    }
    let mut mirrors = environment.client().mirrors()?;
    mirrors.retain(|mirror| mirror.id == id);
    environment.client().remove_mirror(id)?;
    print(&mirrors, &[source, target], json)
}

fn print(mirrors: &[Mirror], adapters: &[Adapter], json: bool) -> Result<(), Failure> {
    let name = |luid: u64| {
        let adapter = adapters.iter().find(|adapter| adapter.luid == luid);
        adapter.map_or_else(|| show::luid(luid), |adapter| adapter.name.clone())
    };
    let mut table =
        show::table(["Mirror", "Of", "On", "Frames", "Tag", "Sent", "Filtered", "Lost"]);
    for mirror in mirrors {
        let frames = match mirror.directions {
            Directions::Both => "sent and received",
            Directions::Sent => "sent",
            Directions::Received => "received",
        };
        table.add_row([
            mirror.id.to_string(),
            name(mirror.source),
            name(mirror.target),
            frames.to_owned(),
            mirror.tag.map_or_else(|| "none".to_owned(), |tag| format!("VLAN {}", tag & 0xFFF)),
            format!("{} ({} bytes)", mirror.copies, mirror.bytes),
            mirror.filtered.to_string(),
            mirror.dropped().to_string(),
        ]);
    }
    let values: Vec<_> = mirrors
        .iter()
        .map(|mirror| value(mirror, &name(mirror.source), &name(mirror.target)))
        .collect();
    show::result(json, &values, table)
}

fn value(mirror: &Mirror, source: &str, target: &str) -> Value {
    let lost: Map<_, _> = mirror
        .dropped
        .iter()
        .map(|(reason, count)| (key(*reason).to_owned(), (*count).into()))
        .collect();
    json!({
        "id": mirror.id,
        "source": {"name": source, "luid": show::luid(mirror.source), "present": mirror.source_present},
        "target": {"name": target, "luid": show::luid(mirror.target), "present": mirror.target_present},
        "sent": mirror.directions != Directions::Received,
        "received": mirror.directions != Directions::Sent,
        "persistent": mirror.persistent,
        "own": mirror.own,
        "tag": mirror.tag,
        "snap_length": mirror.snap_length,
        "filter_instructions": mirror.instructions,
        "copies": mirror.copies,
        "bytes": mirror.bytes,
        "filtered": mirror.filtered,
        "lost": lost,
    })
}

/// The name of a reason in JSON.
const fn key(reason: MirrorDrop) -> &'static str {
    match reason {
        MirrorDrop::TargetAway => "target_away",
        MirrorDrop::NoBuffers => "no_buffers",
        MirrorDrop::NoMemory => "no_memory",
        MirrorDrop::TooLong => "too_long",
        MirrorDrop::Loop => "loop",
        MirrorDrop::Incomplete => "incomplete",
        MirrorDrop::FailedBelow => "failed_below",
    }
}
