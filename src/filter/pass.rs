//! What passes: everything, as it came, while the module runs.

use super::{module::FilterModule, traffic::Traffic};
use crate::ndis::{BorrowedIndication, Lists, Passing, ReceiveIndication, SendRequest, Status};
use protocol::Reason;

impl FilterModule {
    pub(super) fn pass_down(&self, request: SendRequest<'_>, passing: Option<&Passing<'_>>) {
        match passing {
            Some(passing) if self.copies.is_none() => request.forward(passing),
            passing => self.look_down(request, passing.copied()),
        }
    }

    /// As [`Self::pass_down`], where there is more to do than to pass on; out of line, so that what
    /// only passes saves no registers for it.
    #[inline(never)]
    fn look_down(&self, request: SendRequest<'_>, passing: Option<Passing<'_>>) {
        if let Some(passing) = passing {
            self.copy(false, request.lists());
            request.forward(&passing);
        } else {
            self.counters.add(Reason::SendsRejectedPaused, request.len().into());
            request.complete(Status::PAUSED);
        }
    }

    pub(super) fn pass_up(&self, indication: ReceiveIndication<'_>, passing: Option<&Passing<'_>>) {
        match passing {
            Some(passing) if self.copies.is_none() => indication.forward(passing),
            passing => self.look_up(indication, passing.copied()),
        }
    }

    /// As [`Self::pass_up`], where there is more to do; see [`Self::look_down`].
    #[inline(never)]
    fn look_up(&self, indication: ReceiveIndication<'_>, passing: Option<Passing<'_>>) {
        if let Some(passing) = passing {
            self.copy(true, indication.lists());
            indication.forward(&passing);
        } else {
            self.counters.add(Reason::ReceivesRejectedPaused, indication.len().into());
            indication.give_back();
        }
    }

    pub(super) fn pass_up_borrowed(
        &self,
        indication: &mut BorrowedIndication<'_>,
        passing: Option<&Passing<'_>>,
    ) {
        self.look_up_borrowed(indication, passing.copied());
    }

    /// Lists are lent for want of resources, which is rare; see [`Self::look_down`].
    #[inline(never)]
    fn look_up_borrowed(
        &self,
        indication: &mut BorrowedIndication<'_>,
        passing: Option<Passing<'_>>,
    ) {
        match passing {
            Some(passing) => {
                self.copy(true, indication.lists());
                indication.forward(&passing);
            }
            // They go back by themselves when this returns.
            None => self.counters.add(Reason::ReceivesRejectedPaused, indication.len().into()),
        }
    }

    /// Copies what passes, for whoever wants it.
    fn copy(&self, received: bool, lists: Lists<'_>) {
        self.copies.with(|copies| copies.of(&Traffic::passing(self, received, lists)));
    }
}
