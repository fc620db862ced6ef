//@ error: E0382
//! Lists from below go on or back, not both.
#![no_std]

use framecast::ndis::{ReceiveIndication, Running};

/// Passes lists on where that can be, else back.
pub fn pass<T>(indication: ReceiveIndication<'_>, running: Option<&Running<'_, T>>) {
    if let Some(running) = running {
        indication.forward(running);
        #[cfg(not(mistake))]
        return;
    }
    indication.give_back(); //~ here
}
