//! What passes: everything, as it came, while the module runs.

use super::{module::FilterModule, traffic::Traffic};
use crate::ndis::{BorrowedIndication, Lists, Passing, ReceiveIndication, SendRequest, Status};
use protocol::Reason;

impl FilterModule {
    /// Copies what passes, for whoever wants it; one load where nobody does.
    fn copy<'c>(&'c self, received: bool, lists: impl FnOnce() -> Lists<'c>) {
        self.copies.with(|copies| copies.of(&Traffic::passing(self, received, lists())));
    }

    pub(super) fn pass_down(&self, request: SendRequest<'_>, passing: Option<&Passing<'_>>) {
        if let Some(passing) = passing {
            self.copy(false, || request.lists());
            request.forward(passing);
        } else {
            self.counters.add(Reason::SendsRejectedPaused, request.len().into());
            request.complete(Status::PAUSED);
        }
    }

    pub(super) fn pass_up(&self, indication: ReceiveIndication<'_>, passing: Option<&Passing<'_>>) {
        if let Some(passing) = passing {
            self.copy(true, || indication.lists());
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
            Some(passing) => {
                self.copy(true, || indication.lists());
                indication.forward(passing);
            }
            // They go back by themselves when this returns.
            None => self.counters.add(Reason::ReceivesRejectedPaused, indication.len().into()),
        }
    }
}
