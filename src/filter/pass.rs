//! What passes: everything, as it came, while the module runs.

use super::module::FilterModule;
use crate::{
    ndis::{BorrowedIndication, ReceiveIndication, Running, SendRequest, Status},
    services::inject::Ticket,
};
use protocol::Reason;

impl FilterModule {
    pub(super) fn pass_down(
        &self,
        request: SendRequest<'_>,
        running: Option<&Running<'_, Ticket>>,
    ) {
        if let Some(running) = running {
            request.forward(running);
        } else {
            self.counters.add(Reason::SendsRejectedPaused, request.len().into());
            request.complete(Status::PAUSED);
        }
    }

    pub(super) fn pass_up(
        &self,
        indication: ReceiveIndication<'_>,
        running: Option<&Running<'_, Ticket>>,
    ) {
        if let Some(running) = running {
            indication.forward(running);
        } else {
            self.counters.add(Reason::ReceivesRejectedPaused, indication.len().into());
            indication.give_back();
        }
    }

    pub(super) fn pass_up_borrowed(
        &self,
        indication: &BorrowedIndication<'_>,
        running: Option<&Running<'_, Ticket>>,
    ) {
        match running {
            Some(running) => indication.forward(running),
            // They go back by themselves when this returns.
            None => self.counters.add(Reason::ReceivesRejectedPaused, indication.len().into()),
        }
    }
}
