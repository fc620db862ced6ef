//! `ndis-lab run`: a driver's whole life, with traffic.

use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use ndis_lab::{AdapterConfig, Event, Frame, Lab, Stack};
use pcap_file::DataLink;
use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::{Block, PcapNgReader};

use super::output;
use crate::{Direction, RunArguments};

/// How many frames go in one chain.
const BATCH: usize = 32;

/// How many events are kept to be printed.
const TRACE: usize = 1 << 22;

/// Runs a driver; says whether it kept every rule.
pub(crate) fn run(arguments: &RunArguments) -> Result<bool, Box<dyn Error>> {
    let frames = match &arguments.pcap {
        Some(path) => read_frames(path)?,
        None => vec![ping()],
    };
    let mut builder = Lab::builder().print(arguments.print).guarded_memory(arguments.guarded);
    for (name, value) in &arguments.parameters {
        builder = builder.parameter(name, value.clone());
    }
    if arguments.trace {
        builder = builder.trace_capacity(TRACE);
    }
    let lab = builder.build();
    let driver = lab.load(&arguments.file)?;
    driver.start().map_err(|status| format!("DriverEntry failed: {status}"))?;
    let config = AdapterConfig::default().with_backfill(arguments.backfill, arguments.context);
    let stack = driver.attach(config).map_err(|status| format!("FilterAttach failed: {status}"))?;
    stack.start().map_err(|status| format!("FilterRestart failed: {status}"))?;
    for batch in frames.chunks(BATCH) {
        if !matches!(arguments.direction, Direction::Up) {
            stack.send_from_above(batch);
        }
        if !matches!(arguments.direction, Direction::Down) {
            stack.indicate_from_below(batch, false);
        }
    }
    lab.settle();
    if let Some(out) = &arguments.out {
        write_ends(out, &stack)?;
    }
    let (wire, above) = (stack.wire().len(), stack.received_above().len());
    stack.pause();
    stack.detach();
    let verdict = driver.unload();
    output::print(|out| {
        writeln!(out, "{} frames in", frames.len())?;
        writeln!(out, "{wire} frames on the wire, {above} above")?;
        if arguments.trace {
            writeln!(out, "{}", Event::COLUMNS)?;
            for event in lab.trace() {
                writeln!(out, "{event}")?;
            }
        }
        write!(out, "{:#?}\n{verdict}", lab.counters())
    })?;
    Ok(verdict.is_clean())
}

/// A frame for a run without a capture.
fn ping() -> Vec<u8> {
    let mut frame = vec![0xFF; 6];
    frame.extend([0x02, 0, 0x5E, 0x10, 0, 1, 0x88, 0xB5]);
    frame.resize(60, 0);
    frame
}

fn read_frames(path: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let open = || {
        let file = File::open(path).map_err(|e| format!("cannot open {}: {e}", path.display()));
        file.map(BufReader::new)
    };
    let mut frames = Vec::new();
    if let Ok(mut reader) = PcapReader::new(open()?) {
        while let Some(packet) = reader.next_packet() {
            frames.push(packet?.into_data().into_owned());
        }
        return Ok(frames);
    }
    let mut reader = PcapNgReader::new(open()?)
        .map_err(|e| format!("{} is neither pcap nor pcapng: {e}", path.display()))?;
    while let Some(block) = reader.next_block() {
        match block?.0 {
            Block::EnhancedPacket(packet) => frames.push(packet.data.into_owned()),
            Block::SimplePacket(packet) => frames.push(packet.data.into_owned()),
            _ => {}
        }
    }
    Ok(frames)
}

fn write_ends(out: &Path, stack: &Stack) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out)?;
    write_frames(&out.join("wire.pcap"), &stack.wire())?;
    write_frames(&out.join("above.pcap"), &stack.received_above())
}

fn write_frames(path: &Path, frames: &[Frame]) -> Result<(), Box<dyn Error>> {
    let header = pcap_file::pcap::PcapHeader { datalink: DataLink::ETHERNET, ..Default::default() };
    let mut writer = PcapWriter::with_header(File::create(path)?, header)?;
    for (index, frame) in frames.iter().enumerate() {
        let length = u32::try_from(frame.bytes.len())?;
        let time = Duration::from_micros(index as u64);
        writer.write_packet(&PcapPacket::new(time, length, &frame.bytes)?)?;
    }
    Ok(())
}
