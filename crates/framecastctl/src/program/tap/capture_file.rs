use std::{
    collections::{HashMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use framecastctl::{
    TapCounts, TappedFrame,
    capture::{CaptureError, CaptureWriter, InterfaceCounts, WrittenFrame},
};

use super::{Named, Sink, condition::Condition};
use crate::program::{
    clock,
    failure::Failure,
    output::{self, Output},
};

/// A pcapng file, or a ring of them.
pub(crate) struct CaptureFile {
    base: PathBuf,
    named: Named,
    ring: Vec<Condition>,
    /// Files that were begun, those that are gone included.
    begun: u64,
    /// Files that are there.
    kept: VecDeque<PathBuf>,
    /// When the file was begun, since the tap was.
    since: Duration,
    elapsed: Duration,
    /// Begun by the first frame, but for the first, which is there from the start.
    part: Option<Part>,
}

/// One file.
struct Part {
    path: PathBuf,
    writer: CaptureWriter<Output>,
    /// The number of each adapter's interface, with the frames that came and those that were lost.
    interfaces: HashMap<u64, (u32, u64, u64)>,
    frames: u64,
    start: Duration,
}

impl CaptureFile {
    pub(crate) fn create(base: &Path, ring: &[Condition], named: Named) -> Result<Self, Failure> {
        let mut file = Self {
            base: base.to_owned(),
            named,
            ring: ring.to_vec(),
            begun: 0,
            kept: VecDeque::new(),
            since: Duration::ZERO,
            elapsed: Duration::ZERO,
            part: None,
        };
        file.part()?;
        Ok(file)
    }

    /// The file that is being written, begun if there is none.
    fn part(&mut self) -> Result<&mut Part, Failure> {
        if self.part.is_none() {
            self.begun += 1;
            let path = self.path();
            let part = Part::create(&path, &self.named)?;
            self.kept.push_back(path);
            self.since = self.elapsed;
            self.part = Some(part);
            self.forget()?;
        }
        Ok(self.part.as_mut().expect("it is there by now"))
    }

    /// The name of the file: of a ring, with its number and the time, as dumpcap has them.
    fn path(&self) -> PathBuf {
        if self.ring.is_empty() {
            return self.base.clone();
        }
        let part = |name: Option<&std::ffi::OsStr>| {
            name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let (stem, extension) = (part(self.base.file_stem()), part(self.base.extension()));
        let dot = if extension.is_empty() { "" } else { "." };
        let time = clock::local(clock::now()).format("%Y%m%d%H%M%S");
        self.base.with_file_name(format!("{stem}_{:05}_{time}{dot}{extension}", self.begun))
    }

    /// Removes the files that are not to be kept any more.
    fn forget(&mut self) -> Result<(), Failure> {
        let most = self.ring.iter().find_map(|condition| match condition {
            Condition::Files(most) => Some(*most),
            _ => None,
        });
        while most.is_some_and(|most| self.kept.len() as u64 > most) {
            if let Some(file) = self.kept.pop_front() {
                fs::remove_file(&file).map_err(|source| Failure::File { file, source })?;
            }
        }
        Ok(())
    }

    fn is_full(&self, part: &Part) -> bool {
        self.ring.iter().any(|condition| match condition {
            Condition::FileSize(most) => part.writer.bytes() >= *most,
            Condition::Packets(most) => part.frames >= *most,
            Condition::Duration(most) => self.elapsed.saturating_sub(self.since) >= *most,
            Condition::Files(_) => false,
        })
    }

    fn end_part(&mut self, counts: Option<&TapCounts>) -> Result<(), Failure> {
        match self.part.take() {
            Some(part) => part.finish(counts, self.begun == 1),
            None => Ok(()),
        }
    }
}

impl Sink for CaptureFile {
    fn write(&mut self, frame: &TappedFrame<&[u8]>) -> Result<(), Failure> {
        if self.part.as_ref().is_some_and(|part| part.frames > 0 && self.is_full(part)) {
            self.end_part(None)?;
        }
        let named = self.named.clone();
        self.part()?.write(frame, &named)
    }

    fn flush(&mut self, elapsed: Duration) -> Result<(), Failure> {
        self.elapsed = elapsed;
        if self.part.as_ref().is_some_and(|part| part.frames > 0 && self.is_full(part)) {
            return self.end_part(None);
        }
        self.part.as_mut().map_or(Ok(()), Part::flush)
    }

    fn finish(&mut self, counts: &TapCounts) -> Result<(), Failure> {
        self.end_part(Some(counts))
    }

    fn progress(&self) -> (u64, u64) {
        let bytes = self.part.as_ref().map_or(0, |part| part.writer.bytes());
        let full = self.part.as_ref().is_none_or(|part| self.is_full(part));
        (bytes, if full { self.begun } else { self.begun - 1 })
    }

    fn files(&self) -> Vec<PathBuf> {
        self.kept.iter().cloned().collect()
    }
}

impl Part {
    fn create(path: &Path, named: &Named) -> Result<Self, Failure> {
        let wrong = |source| Failure::Capture { file: path.to_owned(), source };
        let target = output::create(path).map_err(|error| wrong(error.into()))?;
        let writer = CaptureWriter::new(target).map_err(wrong)?;
        let interfaces = HashMap::new();
        let mut part =
            Self { path: path.to_owned(), writer, interfaces, frames: 0, start: clock::now() };
        for luid in named.luids() {
            part.interface(luid, named)?;
        }
        part.flush()?;
        Ok(part)
    }

    fn wrong(&self, source: CaptureError) -> Failure {
        Failure::Capture { file: self.path.clone(), source }
    }

    fn interface(&mut self, luid: u64, named: &Named) -> Result<u32, Failure> {
        if let Some((number, ..)) = self.interfaces.get(&luid) {
            return Ok(*number);
        }
        let added = self.writer.add_interface(&named.interface(luid));
        let number = added.map_err(|source| self.wrong(source))?;
        self.interfaces.insert(luid, (number, 0, 0));
        Ok(number)
    }

    fn write(&mut self, frame: &TappedFrame<&[u8]>, named: &Named) -> Result<(), Failure> {
        let luid = frame.adapter();
        let interface = self.interface(luid, named)?;
        let lost = u64::from(frame.lost());
        let mut remarks = Vec::new();
        // With several adapters nobody knows whose frames were lost.
        if lost > 0 && named.count() > 1 {
            remarks.push(format!("{lost} frames of the tapped adapters were lost before this one"));
        }
        if frame.is_incomplete() {
            remarks.push("not as on the wire: an offload could not be carried out".to_owned());
        }
        if frame.is_ours() {
            remarks.push("originated by Framecast".to_owned());
        }
        let remark = remarks.join("; ");
        let written = WrittenFrame {
            interface,
            time: frame.time(),
            length: frame.length(),
            bytes: frame.bytes,
            received: Some(frame.is_received()),
            lost,
            comment: (!remark.is_empty()).then_some(remark.as_str()),
        };
        self.writer.write(&written).map_err(|source| self.wrong(source))?;
        self.frames += 1;
        if let Some((_, delivered, dropped)) = self.interfaces.get_mut(&luid) {
            *delivered += 1;
            *dropped += lost;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.writer.flush();
        flushed.map_err(|source| self.wrong(source))
    }

    /// Writes what was counted; with `counts` it is the last file, and with `whole` the only one.
    fn finish(mut self, counts: Option<&TapCounts>, whole: bool) -> Result<(), Failure> {
        let times = (self.start, clock::now());
        let alone = self.interfaces.len() == 1;
        let mut interfaces: Vec<_> = self.interfaces.values().copied().collect();
        interfaces.sort_unstable();
        for (interface, delivered, lost) in interfaces {
            // The driver knows also of frames that were lost after the last.
            let dropped = match counts {
                Some(counts) if alone && whole => counts.lost(),
                _ => lost,
            };
            let accepted = delivered + dropped;
            let counts = InterfaceCounts { times, accepted, dropped, delivered };
            let written = self.writer.write_counts(interface, &counts);
            written.map_err(|source| self.wrong(source))?;
        }
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::BufReader};

    use framecastctl::Adapter;
    use pcap_file::pcapng::{
        Block, PcapNgReader,
        blocks::{
            enhanced_packet::EnhancedPacketOption, interface_statistics::InterfaceStatisticsOption,
        },
    };
    use protocol::TapRecord;

    use super::*;

    /// What a capture of these frames, each of the adapter of a LUID and behind so many lost ones,
    /// says was lost: before each frame, and on each interface.
    fn told(luids: &[u64], frames: &[(u64, u32)]) -> (Vec<Option<u64>>, Vec<u64>) {
        let path = std::env::temp_dir().join(format!("{}-{luids:?}.pcapng", std::process::id()));
        let adapter = |&luid| Adapter { luid, ..Adapter::default() };
        let named = Named::new(luids.iter().map(adapter).collect(), None, 0);
        let mut file = CaptureFile::create(&path, &[], named).expect("a file");
        for &(luid, lost) in frames {
            let record = TapRecord { luid, lost, length: 60, captured: 60, ..TapRecord::default() };
            file.write(&TappedFrame { record, bytes: &[0; 60] }).expect("written");
        }
        let counts = TapCounts { buffer_full: 9, ..TapCounts::default() };
        file.finish(&counts).expect("written");
        let reader = BufReader::new(File::open(&path).expect("a file"));
        fs::remove_file(&path).expect("removed");
        let mut reader = PcapNgReader::new(reader).expect("a capture");
        let (mut before, mut on) = (Vec::new(), Vec::new());
        while let Some(block) = reader.next_block() {
            match block.expect("a block").0 {
                Block::EnhancedPacket(packet) => {
                    before.push(packet.options.iter().find_map(|option| match option {
                        EnhancedPacketOption::DropCount(lost) => Some(*lost),
                        _ => None,
                    }));
                }
                Block::InterfaceStatistics(statistics) => {
                    on.extend(statistics.options.iter().filter_map(|option| match option {
                        InterfaceStatisticsOption::IsbIfDrop(lost) => Some(*lost),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
        (before, on)
    }

    #[test]
    fn frames_tell_what_was_lost_before_them_and_interfaces_what_was_in_all() {
        // The driver lost two more behind the last frame.
        let frames = [(1, 0), (1, 3), (1, 4)];
        assert_eq!(told(&[1], &frames), (vec![None, Some(3), Some(4)], vec![9]));
        // Nobody knows whose those are.
        let frames = [(1, 0), (2, 3), (1, 4), (2, 0)];
        assert_eq!(told(&[1, 2], &frames), (vec![None, Some(3), Some(4), None], vec![4, 3]));
    }
}
