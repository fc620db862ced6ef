//@ error: E0382
//! A device control is completed once.
#![no_std]

use framecast::ndis::{ControlRequest, Dispatched, Status};

/// Refuses an empty request.
pub fn control(request: ControlRequest<'_>) -> Dispatched<'_> {
    if request.input().is_empty() {
        let refused = request.refuse(Status::INVALID_PARAMETER);
        #[cfg(not(mistake))]
        return refused;
        #[cfg(mistake)]
        drop(refused);
    }
    request.reply(|_| Ok(0)) //~ here
}
