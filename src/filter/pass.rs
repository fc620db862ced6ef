//! What passes: everything, as it came, while the module runs.

use super::module::FilterModule;
use crate::ndis::{BorrowedIndication, Passing, ReceiveIndication, SendRequest, Status};
use protocol::Reason;

impl FilterModule {
    pub(super) fn pass_down(&self, request: SendRequest<'_>, passing: Option<&Passing<'_>>) {
        if let Some(passing) = passing {
            request.forward(passing);
        } else {
            self.counters.add(Reason::SendsRejectedPaused, request.len().into());
            request.complete(Status::PAUSED);
        }
    }

    pub(super) fn pass_up(&self, indication: ReceiveIndication<'_>, passing: Option<&Passing<'_>>) {
        if let Some(passing) = passing {
            indication.forward(passing);
        } else {
            self.counters.add(Reason::ReceivesRejectedPaused, indication.len().into());
            indication.give_back();
        }
    }

    pub(super) fn pass_up_borrowed(
        &self,
        indication: &BorrowedIndication<'_>,
        passing: Option<&Passing<'_>>,
    ) {
        match passing {
            Some(passing) => indication.forward(passing),
            // They go back by themselves when this returns.
            None => self.counters.add(Reason::ReceivesRejectedPaused, indication.len().into()),
        }
    }
}
