//@ error: E0382
//! What was sent is not there to be sent again.
#![no_std]

use framecast::ndis::{NetBufferListQueue, Running};

/// Sends lists.
pub fn send<T>(running: &Running<'_, T>, lists: NetBufferListQueue<'_, T>) {
    running.send(lists);
    #[cfg(mistake)]
    running.send(lists); //~ here
}
