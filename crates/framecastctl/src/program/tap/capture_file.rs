use std::{
    collections::{HashMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use framecastctl::{
    TapCounts, TappedFrame,
    capture::{CaptureError, CaptureWriter, InterfaceCounts, WrittenFrame},
};

use super::{Named, Sink, condition::Condition};
use crate::program::{
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

    /// The name of the file: of a ring, with its number, as dumpcap counts.
    fn path(&self) -> PathBuf {
        if self.ring.is_empty() {
            return self.base.clone();
        }
        let part = |name: Option<&std::ffi::OsStr>| {
            name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let (stem, extension) = (part(self.base.file_stem()), part(self.base.extension()));
        let dot = if extension.is_empty() { "" } else { "." };
        self.base.with_file_name(format!("{stem}_{:05}{dot}{extension}", self.begun))
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
        let mut part = Self { path: path.to_owned(), writer, interfaces, frames: 0, start: now() };
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
        // With several adapters nobody knows whose frames were lost.
        let alone = named.count() == 1;
        let lost = u64::from(frame.lost());
        let mut remarks = Vec::new();
        if lost > 0 && !alone {
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
            lost: if alone { lost } else { 0 },
            comment: (!remark.is_empty()).then_some(remark.as_str()),
        };
        self.writer.write(&written).map_err(|source| self.wrong(source))?;
        self.frames += 1;
        if let Some((_, delivered, dropped)) = self.interfaces.get_mut(&luid) {
            *delivered += 1;
            *dropped += if alone { lost } else { 0 };
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.writer.flush();
        flushed.map_err(|source| self.wrong(source))
    }

    /// Writes what was counted; with `counts` it is the last file, and with `whole` the only one.
    fn finish(mut self, counts: Option<&TapCounts>, whole: bool) -> Result<(), Failure> {
        let times = (self.start, now());
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

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
