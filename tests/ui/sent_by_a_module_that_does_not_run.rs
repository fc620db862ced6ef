//@ error: E0599
//! Only a running module sends.
#![no_std]

use framecast::ndis::{NetBufferListQueue, Origin};

/// Sends lists, if that can be.
pub fn send<T: Send + 'static>(origin: &Origin<T>, lists: NetBufferListQueue<'_, T>) {
    #[cfg(mistake)]
    origin.send(lists); //~ here
    #[cfg(not(mistake))]
    if let Some(running) = origin.enter() {
        running.send(lists);
    }
}
