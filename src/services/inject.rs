//! Inject: a program hands over frames, the driver originates them.
//!
//! ```text
//! device control ──► Injection ──► Queue of its adapter ──► lists, each with a Ticket ──► NDIS
//!                        ▲                                                        │
//!                        └── a status for each frame ◄── the list comes home ◄────┘
//! ```
//!
//! The request is answered when nobody has a [`Stake`](crate::ndis::Stake) in the injection any
//! more, neither the queue nor a list under way, or when it is cancelled. Frames for which there is
//! no buffer wait in the queue until buffers come home.

use super::{client::Client, control, injection::Injection};
use crate::{
    filter::{Framecast, module::FilterModule},
    ndis::{CancelId, ControlRequest, Dispatched, Error, Shared, Status},
};
use core::sync::atomic::{AtomicUsize, Ordering};
use protocol::{Direction, Frames, InjectReply, InjectRequest, Position, Reason, limits};

/// Takes a request to inject, and answers it now or when its frames are done.
pub fn inject<'r>(
    framecast: &Framecast,
    client: &Client,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let order = match Order::read(framecast, &request) {
        Ok(order) => order,
        Err(status) => return framecast.refuse(request, status),
    };
    let stake = match client.injections.begin(&order) {
        Ok(stake) => stake,
        Err(error) => {
            if error == Error::Resources {
                order.module.counters.add(Reason::RefusedResources, order.frames.into());
            }
            return framecast.refuse_for(request, error);
        }
    };
    let (pending, dispatched) = request.pend_in(stake.owner());
    if let Some(pending) = pending {
        Injection::await_frames(&stake, pending);
        if order.module.injections.push(stake, &order.module).is_err() {
            framecast.adapters.count(Reason::BadRequests, 1);
        }
    }
    dispatched
}

/// What a well-formed request asks for.
pub(super) struct Order {
    pub(super) module: Shared<FilterModule>,
    pub(super) direction: Direction,
    pub(super) frames: u32,
    /// What its sends are marked with.
    pub(super) id: CancelId,
}

impl Order {
    fn read(framecast: &Framecast, request: &ControlRequest<'_>) -> Result<Self, Status> {
        let (order, batch) =
            control::read::<InjectRequest>(request.input()).ok_or(Status::INVALID_PARAMETER)?;
        let direction = Direction::from_number(order.direction).ok_or(Status::INVALID_PARAMETER)?;
        if !(1..=limits::BATCH_FRAMES).contains(&order.frames) {
            return Err(Status::INVALID_PARAMETER);
        }
        Frames::new(batch, order.frames, Position::START)
            .check(direction)
            .map_err(|_| Status::INVALID_PARAMETER)?;
        let statuses = (order.frames as usize).saturating_mul(size_of::<i32>());
        if request.output_length() < statuses.saturating_add(size_of::<InjectReply>()) {
            return Err(Status::BUFFER_TOO_SMALL);
        }
        let module = framecast.adapters.find(order.luid).ok_or(Status::NOT_FOUND)?;
        let id = CancelId::new(framecast.cancel_ids, next_number());
        Ok(Self { module, direction, frames: order.frames, id })
    }
}

/// The next of the numbers that keep cancel ids apart.
fn next_number() -> usize {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}
