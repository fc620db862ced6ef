//@ error: E0382
//! Lists from above go on or back, not both.
#![no_std]

use framecast::ndis::{Passing, SendRequest, Status};

/// Passes lists on where that can be, else back.
pub fn pass(request: SendRequest<'_>, passing: Option<&Passing<'_>>) {
    if let Some(passing) = passing {
        request.forward(passing);
        #[cfg(not(mistake))]
        return;
    }
    request.complete(Status::PAUSED); //~ here
}
