//! What the demo found: `report.json`, and whether all is as it should be.

use std::fmt;

use framecastctl::Status;
use ndis_lab::{Rule, Violation};
use serde::Serialize;

use super::{
    capture::Frame,
    journey::{Outcome, Passage},
};

/// The contents of `report.json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) driver_sha256: String,
    /// Every breach of a rule, leaks among them.
    pub(super) violations: Vec<Breach>,
    /// Objects that were left behind.
    pub(super) leaks: usize,
    pub(super) adapters: Vec<AdapterReport>,
}

/// A breach of a rule.
#[derive(Debug, Serialize)]
pub(super) struct Breach {
    pub(super) rule: String,
    pub(super) message: String,
    /// The page of the driver documentation that states the rule.
    source: &'static str,
    /// Where in the driver.
    pub(super) location: Option<String>,
    objects: Vec<String>,
    events: Vec<String>,
}

/// What happened on one adapter.
#[derive(Debug, Serialize)]
pub(super) struct AdapterReport {
    pub(super) name: &'static str,
    /// Room in front of a frame that the driver reported to leave, before the restart.
    pub(super) data_backfill: u32,
    /// Room in the context of a list that it reported to leave, before the restart.
    pub(super) context_backfill: u32,
    /// Frames that the driver took.
    pub(super) frames_injected: usize,
    pub(super) frames_on_wire: usize,
    /// Allocations that NDIS had to make for the drivers below, over the whole demo.
    pub(super) ndis_allocations_for_retreat: u64,
    pub(super) pool_rebuilds: u32,
    pub(super) after_restart: AfterRestart,
    /// Frames that the driver did not take.
    pub(super) frames_refused: Vec<Refusal>,
    /// How the wire differs from what was sent, if it does.
    pub(super) difference: Option<String>,
}

/// The same, for the time after the restart.
#[derive(Debug, Serialize)]
pub(super) struct AfterRestart {
    pub(super) data_backfill: u32,
    pub(super) context_backfill: u32,
    pub(super) ndis_allocations_for_retreat: u64,
}

/// A frame that the driver did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Refusal {
    /// Which frame of the capture, from 1.
    pub(super) number: usize,
    /// Its bytes.
    pub(super) length: usize,
    /// The status that says why.
    pub(super) status: String,
    /// The status in words.
    pub(super) meaning: &'static str,
}

impl Report {
    pub(super) fn new(driver_sha256: String, frames: &[Frame], outcome: &Outcome) -> Self {
        let leaks = outcome.violations.iter().filter(|it| it.rule == Rule::Leak);
        Self {
            driver_sha256,
            leaks: leaks.map(|leak| leak.objects.len()).sum(),
            violations: outcome.violations.iter().map(Breach::from).collect(),
            adapters: outcome.passages.iter().map(|it| AdapterReport::new(it, frames)).collect(),
        }
    }

    /// Why the demo failed; none if every frame arrived as it was and the driver kept every rule.
    pub(super) fn failure(&self, frames: usize) -> Option<String> {
        let mut reasons = Vec::new();
        for adapter in &self.adapters {
            let difference = adapter.difference.as_ref();
            reasons.extend(difference.map(|it| format!("on {}, {it}", adapter.name)));
        }
        reasons.extend(self.refused(frames));
        if self.leaks > 0 {
            reasons.push(format!("the driver left {} objects behind", self.leaks));
        }
        if let Some(Breach { rule, message, .. }) = self.violations.first() {
            let count = self.violations.len();
            reasons.push(format!("the driver broke rules {count} times, first {rule}: {message}"));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Who refused how many of the frames, and why.
    fn refused(&self, frames: usize) -> Vec<String> {
        let mut same: Vec<(&[Refusal], Vec<&str>)> = Vec::new();
        for adapter in self.adapters.iter().filter(|it| !it.frames_refused.is_empty()) {
            let refused = adapter.frames_refused.as_slice();
            match same.iter_mut().find(|(known, _)| *known == refused) {
                Some((_, names)) => names.push(adapter.name),
                None => same.push((refused, vec![adapter.name])),
            }
        }
        let reason = |(refused, names): (&[Refusal], Vec<&str>)| {
            let first = refused.first()?;
            let alike = refused.iter().all(|it| it.status == first.status);
            let names = names.join(" and ");
            let why = if alike { "" } else { "among other reasons " };
            let (count, meaning, status) = (refused.len(), first.meaning, &first.status);
            let what = format!("{count} of {frames} frames were refused on {names}");
            Some(format!("{what}: {why}{meaning} ({status})"))
        };
        same.into_iter().filter_map(reason).collect()
    }
}

impl From<&Violation> for Breach {
    fn from(violation: &Violation) -> Self {
        let texts = |it: &[_]| it.iter().map(ToString::to_string).collect();
        Self {
            rule: violation.rule.to_string(),
            message: violation.message.clone(),
            source: violation.rule.source(),
            location: violation.location.as_ref().map(ToString::to_string),
            objects: violation.objects.clone(),
            events: texts(&violation.events),
        }
    }
}

impl AdapterReport {
    fn new(passage: &Passage, frames: &[Frame]) -> Self {
        let [before, after] = passage.halves;
        let taken = taken(passage, frames);
        let fates = frames.iter().zip(&passage.statuses).enumerate();
        let refused = fates.filter(|(_, (_, status))| !status.is_success());
        Self {
            name: passage.part.name,
            data_backfill: before.left.data,
            context_backfill: before.left.context,
            frames_injected: taken.len(),
            frames_on_wire: passage.wire.len(),
            ndis_allocations_for_retreat: before.allocations + after.allocations,
            pool_rebuilds: passage.rebuilds,
            after_restart: AfterRestart {
                data_backfill: after.left.data,
                context_backfill: after.left.context,
                ndis_allocations_for_retreat: after.allocations,
            },
            frames_refused: refused
                .map(|(place, (frame, status))| Refusal::new(place, frame, *status))
                .collect(),
            difference: difference(&taken, &passage.wire).map(|it| it.to_string()),
        }
    }
}

impl Refusal {
    fn new(place: usize, frame: &Frame, status: Status) -> Self {
        Self {
            number: place + 1,
            length: frame.bytes.len(),
            status: format!("{status:?}"),
            meaning: status.meaning(),
        }
    }
}

/// The frames that the driver took, each with its number in the capture, from 1.
pub(super) fn taken<'f>(passage: &Passage, frames: &'f [Frame]) -> Vec<(usize, &'f Frame)> {
    let fates = (1..).zip(frames).zip(&passage.statuses);
    fates.filter(|(_, status)| status.is_success()).map(|(frame, _)| frame).collect()
}

/// How a wire differs from what was sent.
#[derive(Debug, PartialEq, Eq)]
enum Difference {
    /// The first frame that is not the one that was sent, from this byte on.
    Changed { number: usize, byte: usize },
    /// So many frames did not arrive, this one first.
    Missing { number: usize, count: usize },
    /// So many frames arrived that were not sent.
    Extra { count: usize },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { number, byte } => {
                write!(f, "another frame arrived in the place of frame {number}: ")?;
                write!(f, "they differ from byte {byte} on")
            }
            Self::Missing { number, count } => {
                write!(f, "{count} frames did not arrive, from frame {number} on")
            }
            Self::Extra { count } => write!(f, "{count} frames arrived that were not sent"),
        }
    }
}

/// The first difference between what was sent and what arrived.
fn difference(sent: &[(usize, &Frame)], wire: &[Vec<u8>]) -> Option<Difference> {
    for ((number, sent), arrived) in sent.iter().zip(wire) {
        if sent.bytes != *arrived {
            let same = sent.bytes.iter().zip(arrived).take_while(|(sent, here)| sent == here);
            return Some(Difference::Changed { number: *number, byte: same.count() });
        }
    }
    match sent.get(wire.len()) {
        Some((number, _)) => {
            Some(Difference::Missing { number: *number, count: sent.len() - wire.len() })
        }
        None if wire.len() > sent.len() => {
            Some(Difference::Extra { count: wire.len() - sent.len() })
        }
        None => None,
    }
}
