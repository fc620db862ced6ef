//! Frames that a program handed over, and the request that waits for them.

use super::{
    control::{self, TOO_SMALL},
    inject::Order,
    outcome::Outcome,
};
use crate::{
    filter::{counters::Counters, module::FilterModule},
    ndis::{
        Cancel, CancelId, Error, PendingControl, Place, Result, Staked, Status, Waiting,
        at_dispatch_level, try_slice,
    },
};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use protocol::{Direction, InjectReply, Reason};

/// Frames that a program handed over, until there is a status for each.
///
/// A cancellation answers their request at once. Frames that have left come home in their own time;
/// the others are not sent.
pub struct Injection {
    pub(super) direction: Direction,
    /// What its sends are marked with.
    pub(super) id: CancelId,
    frames: u32,
    /// One for each frame, and maybe room for more.
    statuses: Box<[AtomicI32]>,
    /// How many stakes there are in it.
    stakes: AtomicUsize,
    is_cancelled: AtomicBool,
    /// Whom a cancellation turns to; nobody, once there was one, or all is done.
    module: Place<FilterModule>,
}

impl Injection {
    /// Room for an injection of the size of `order`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`].
    pub(super) fn try_new(order: &Order) -> Result<Waiting<Self>> {
        Ok(Waiting::new(Self {
            direction: order.direction,
            id: order.id,
            frames: 0,
            statuses: try_slice(order.frames as usize, |_| Ok(AtomicI32::new(0)))?,
            stakes: AtomicUsize::new(0),
            is_cancelled: AtomicBool::new(false),
            module: Place::empty(),
        }))
    }

    /// Begins what `order` asks for, if there is room for it.
    pub(super) fn begin(&mut self, order: &Order) -> bool {
        let Some(statuses) = self.statuses.get_mut(..order.frames as usize) else { return false };
        for status in statuses {
            *status.get_mut() = Status::FAILURE.as_raw();
        }
        self.direction = order.direction;
        self.id = order.id;
        self.frames = order.frames;
        *self.stakes.get_mut() = self.stakes() as usize;
        *self.is_cancelled.get_mut() = false;
        // What ended before has left nobody there.
        _ = self.module.put(order.module.clone());
        true
    }

    /// How many stakes there are at first: the queue's, and one for each list that there may be.
    pub(super) const fn stakes(&self) -> u32 {
        self.frames.saturating_add(1)
    }

    /// Whether there is a stake in it, which keeps it from its answer.
    pub(super) fn is_under_way(&self) -> bool {
        // Relaxed: who has been answered comes after the last stake.
        self.stakes.load(Ordering::Relaxed) > 0
    }

    /// How many frames there are.
    pub(super) const fn frames(&self) -> u32 {
        self.frames
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    /// Records what became of frames from `first` on, on the adapter with these counters.
    pub(super) fn come_home(&self, first: u32, outcome: &Outcome, counters: &Counters) {
        let Outcome { frames, bytes, status } = *outcome;
        let reason = match (status.is_success(), self.direction) {
            // Who returns a received list says nothing by its status.
            (_, Direction::Receive) => Reason::Indicated,
            (true, Direction::Send) => Reason::Sent,
            (false, Direction::Send) => Reason::FailedBelow,
        };
        counters.add(reason, frames.into());
        if reason == Reason::FailedBelow {
            self.record(first, frames, status);
        } else {
            counters.add(Reason::Bytes, bytes);
            self.record(first, frames, Status::SUCCESS);
        }
    }

    /// Sets the status of `count` frames from `first` on.
    pub(super) fn record(&self, first: u32, count: u32, status: Status) {
        let first = first as usize;
        let frames = self.statuses.get(first..first.saturating_add(count as usize));
        for frame in frames.unwrap_or_default() {
            // Relaxed: the count of stakes orders it before the answer.
            frame.store(status.as_raw(), Ordering::Relaxed);
        }
    }

    /// Keeps the request until its frames are done, or it is cancelled.
    pub(super) fn await_frames(this: &Waiting<Self>, request: PendingControl<Self>) {
        request.park();
        Self::answer_if_cancelled(this);
    }

    /// Whoever leaves the request here looks here, so that a cancellation meanwhile is not lost.
    fn answer_if_cancelled(this: &Waiting<Self>) {
        if this.is_cancelled() {
            Self::refuse(this, Status::CANCELLED);
        }
    }

    /// Answers the request, if it is not answered yet.
    pub(super) fn refuse(this: &Waiting<Self>, status: Status) {
        if let Some(request) = this.unpark() {
            request.reply(|_| Err(Error::Other(status)));
        }
    }

    /// Answers the request with the statuses, if it is not answered yet.
    pub(super) fn end(this: &Waiting<Self>) {
        drop(this.module.take());
        let Some(request) = this.unpark() else { return };
        request.reply(|output| {
            let reply = InjectReply { frames: this.frames, reserved: 0 };
            let end = control::write(output, 0, &reply)?;
            let places = output.get_mut(end..).unwrap_or_default().as_chunks_mut().0;
            let statuses = this.statuses.get(..this.frames as usize).unwrap_or_default();
            if places.len() < statuses.len() {
                return Err(TOO_SMALL);
            }
            for (place, status) in places.iter_mut().zip(statuses) {
                // Relaxed: as in `record`.
                *place = status.load(Ordering::Relaxed).to_ne_bytes();
            }
            Ok(end.saturating_add(size_of_val(statuses)))
        });
    }
}

impl Staked for Waiting<Injection> {
    /// With the last stake, the request is answered.
    fn stakes_end(&self, count: usize) {
        // Release and Acquire: all statuses are set before they are told.
        if self.stakes.fetch_sub(count, Ordering::AcqRel) == count {
            Injection::end(self);
        }
    }
}

impl Cancel for Injection {
    /// Answers the request now, and has its frames given up or back.
    fn cancel(this: &Waiting<Self>) {
        this.is_cancelled.store(true, Ordering::SeqCst);
        Self::answer_if_cancelled(this);
        let Some(module) = this.module.take() else { return };
        at_dispatch_level(|| {
            if let Some(running) = module.origin.enter() {
                running.cancel_sends(this.id);
            }
        });
        module.injections.give_up_cancelled(&module);
    }
}
