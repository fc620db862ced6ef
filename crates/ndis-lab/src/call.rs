//! A call of the driver into the lab.

use std::sync::Arc;

use crate::counters::count;
use crate::irql::{self, Irql};
use crate::machine::Machine;
use crate::processor::{self, Frame};
use crate::rule::Rule;
use crate::schedule::session;
use crate::trace::Way;

/// The call that an export serves.
///
/// Every export begins with [`Call::enter`], which checks what holds for all: the IRQL, and that
/// no lock is held on the way into NDIS.
pub(crate) struct Call {
    pub(crate) machine: Arc<Machine>,
    pub(crate) name: &'static str,
    /// The driver's return address; 0 when a test calls an export as a Rust function.
    pub(crate) site: u64,
}

impl Call {
    /// Begins a call that is legal up to an IRQL; `object` is what the trace shows.
    pub(crate) fn enter(name: &'static str, highest: Irql, object: u64) -> Self {
        let site = processor::take_site();
        let Some(machine) = processor::machine() else {
            // Nothing can be reported to anybody: no lab let the driver run on this thread.
            eprintln!("ndis-lab: {name} was called on a thread that no lab runs");
            std::process::abort();
        };
        session::point();
        count(&machine.tally.calls);
        machine.trace.record(Way::IntoLab, name, object, None);
        let call = Self { machine, name, site };
        let level = irql::current();
        if level > highest {
            call.violate(
                Rule::WrongIrql,
                format!("{name} was called at {level}; it is legal up to {highest}"),
                &[],
            );
        }
        if name.starts_with("NdisF") && !name.starts_with("NdisFree") {
            call.check_no_lock();
        }
        call
    }

    fn check_no_lock(&self) {
        let held = processor::with_locks(|locks| locks.last().copied());
        if let Some(held) = held {
            let object = format!(
                "spin lock {:#x}, acquired at {}",
                held.address,
                self.machine.locate(held.site).map_or_else(String::new, |place| place.to_string())
            );
            let message = format!("{} was called with a spin lock held", self.name);
            self.violate(Rule::LockAcrossNdis, message, &[object]);
        }
    }

    /// Records that the driver broke a rule in this call.
    pub(crate) fn violate(&self, rule: Rule, message: impl Into<String>, objects: &[String]) {
        self.machine.violate(rule, self.site, message.into(), objects.to_vec());
    }

    /// The callback that the driver is in.
    pub(crate) fn frame() -> Frame {
        processor::frame().unwrap_or(Frame {
            callback: "a thread of the lab",
            driver: 0,
            flagged: false,
        })
    }

    /// Counts an attempt to allocate and says whether it is made to fail.
    pub(crate) fn allocation_fails(&self) -> bool {
        self.machine.faults.strikes()
    }

    /// Counts memory taken from the system on the driver's behalf.
    pub(crate) fn took_memory(&self) {
        count(&self.machine.tally.system_allocations);
    }
}

/// The way back into the driver is a scheduling point, too.
impl Drop for Call {
    fn drop(&mut self) {
        session::point();
    }
}
