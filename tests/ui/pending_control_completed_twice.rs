//@ error: E0382
//! A device control that waited is completed once.
#![no_std]

use framecast::ndis::{Cancel, PendingControl};

/// Answers a request that waited.
pub fn finish<C: Cancel>(request: PendingControl<C>) {
    request.reply(|_| Ok(0));
    #[cfg(mistake)]
    request.reply(|_| Ok(0)); //~ here
}
