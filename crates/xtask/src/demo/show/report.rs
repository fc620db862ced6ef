//! What the demo found: `report.json`, and whether all is as it should be.

use std::fmt;

use framecastctl::{Status, capture::CapturedFrame};
use ndis_lab::{Rule, Violation};
use serde::Serialize;

use super::journey::{Outcome, Passage};

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

/// A frame that the driver did not take; in the order of the capture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    pub(super) fn new(driver_sha256: String, frames: &[CapturedFrame], outcome: &Outcome) -> Self {
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
            reasons.push(format!("objects that the driver left behind: {}", self.leaks));
        }
        if let Some(Breach { rule, message, .. }) = self.violations.first() {
            let count = self.violations.len();
            reasons.push(format!("breaches of rules: {count}, first {rule}: {message}"));
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
            let what = format!("{count} of {frames} frames refused on {names}");
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
    fn new(passage: &Passage, frames: &[CapturedFrame]) -> Self {
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
    fn new(place: usize, frame: &CapturedFrame, status: Status) -> Self {
        Self {
            number: place + 1,
            length: frame.bytes.len(),
            status: format!("{status:?}"),
            meaning: status.meaning(),
        }
    }
}

/// The frames that the driver took, each with its number in the capture, from 1.
pub(super) fn taken<'f>(
    passage: &Passage,
    frames: &'f [CapturedFrame],
) -> Vec<(usize, &'f CapturedFrame)> {
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
                write!(f, "frames that did not arrive: {count}, frame {number} first")
            }
            Self::Extra { count } => write!(f, "frames that arrived and were not sent: {count}"),
        }
    }
}

/// The first difference between what was sent and what arrived.
fn difference(sent: &[(usize, &CapturedFrame)], wire: &[Vec<u8>]) -> Option<Difference> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(bytes: &[u8]) -> CapturedFrame {
        let length = u32::try_from(bytes.len()).expect("a length");
        CapturedFrame { bytes: bytes.to_vec(), length, time: Duration::ZERO }
    }

    /// What is found when the frames 1, 2 and 4 of a capture were sent.
    fn found(wire: &[&[u8]]) -> Option<Difference> {
        let frames = [frame(b"one"), frame(b"two"), frame(b"four")];
        let sent: Vec<_> = [1, 2, 4].into_iter().zip(&frames).collect();
        let wire: Vec<_> = wire.iter().map(|bytes| bytes.to_vec()).collect();
        difference(&sent, &wire)
    }

    #[test]
    fn a_wire_that_got_what_was_sent_does_not_differ() {
        assert_eq!(found(&[b"one", b"two", b"four"]), None);
    }

    #[test]
    fn a_frame_that_changed_is_found() {
        let changed = |number, byte| Some(Difference::Changed { number, byte });
        assert_eq!(found(&[b"one", b"twO", b"four"]), changed(2, 2));
        assert_eq!(found(&[b"one", b"two", b"fou"]), changed(4, 3));
        assert_eq!(found(&[b"one", b"two", b"fours"]), changed(4, 4));
        assert_eq!(found(&[b"two", b"one", b"four"]), changed(1, 0));
        assert_eq!(found(&[b"one", b"four"]), changed(2, 0));
    }

    #[test]
    fn frames_too_few_or_too_many_are_found() {
        assert_eq!(found(&[b"one"]), Some(Difference::Missing { number: 2, count: 2 }));
        assert_eq!(found(&[]), Some(Difference::Missing { number: 1, count: 3 }));
        let extra = found(&[b"one", b"two", b"four", b"four"]);
        assert_eq!(extra, Some(Difference::Extra { count: 1 }));
    }

    /// The report about an adapter on which all went well.
    fn adapter(name: &'static str) -> AdapterReport {
        AdapterReport {
            name,
            data_backfill: 0,
            context_backfill: 0,
            frames_injected: 3,
            frames_on_wire: 3,
            ndis_allocations_for_retreat: 0,
            pool_rebuilds: 1,
            after_restart: AfterRestart {
                data_backfill: 0,
                context_backfill: 0,
                ndis_allocations_for_retreat: 0,
            },
            frames_refused: Vec::new(),
            difference: None,
        }
    }

    fn report() -> Report {
        let adapters = vec![adapter("a"), adapter("b")];
        Report { driver_sha256: String::new(), violations: Vec::new(), leaks: 0, adapters }
    }

    #[test]
    fn only_a_report_without_fault_is_no_failure() {
        assert_eq!(report().failure(3), None);

        let mut differs = report();
        differs.adapters[1].difference = Some("a frame is missing".to_owned());
        assert_eq!(differs.failure(3).as_deref(), Some("on b, a frame is missing"));

        let mut leaks = report();
        leaks.leaks = 2;
        assert_eq!(leaks.failure(3).as_deref(), Some("objects that the driver left behind: 2"));

        let mut breach = report();
        breach.violations.push(Breach {
            rule: "C12 PoolInUse".to_owned(),
            message: "a pool is freed".to_owned(),
            source: "",
            location: None,
            objects: Vec::new(),
            events: Vec::new(),
        });
        let reason = "breaches of rules: 1, first C12 PoolInUse: a pool is freed";
        assert_eq!(breach.failure(3).as_deref(), Some(reason));
    }

    #[test]
    fn refusals_alike_on_both_adapters_are_told_once() {
        let long = Refusal::new(1, &frame(b"two"), Status(0xC001_0014_u32.cast_signed()));
        let paused = Refusal::new(2, &frame(b"four"), Status(0xC023_002A_u32.cast_signed()));
        let mut refused = report();
        for adapter in &mut refused.adapters {
            adapter.frames_refused.push(long.clone());
        }
        let why = "the adapter does not take frames of this length (0xC0010014)";
        let alike = format!("1 of 3 frames refused on a and b: {why}");
        assert_eq!(refused.failure(3), Some(alike));

        refused.adapters[1].frames_refused.push(paused);
        let a = format!("1 of 3 frames refused on a: {why}");
        let b = format!("2 of 3 frames refused on b: among other reasons {why}");
        assert_eq!(refused.failure(3), Some(format!("{a}; {b}")));
    }
}
