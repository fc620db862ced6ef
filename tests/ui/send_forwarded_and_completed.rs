//@ error: E0382
//! Lists from above go on or back, not both.
#![no_std]

use framecast::ndis::{Running, SendRequest, Status};

/// Passes lists on where that can be, else back.
pub fn pass<T>(request: SendRequest<'_>, running: Option<&Running<'_, T>>) {
    if let Some(running) = running {
        request.forward(running);
        #[cfg(not(mistake))]
        return;
    }
    request.complete(Status::PAUSED); //~ here
}
