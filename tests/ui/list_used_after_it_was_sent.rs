//@ error: E0382
//! What was sent is NDIS' until it comes home.
#![no_std]

use framecast::ndis::{NetBufferList, NetBufferListQueue, Pools, Running};

/// Sends a list, and counts its frames.
pub fn send_and_count<'p, T>(
    running: &Running<'_, T>,
    pools: &'p Pools<T>,
    list: NetBufferList<'p, T>,
) -> u32 {
    let mut lists = NetBufferListQueue::new(pools);
    #[cfg(not(mistake))]
    let count = list.frames();
    lists.push(list);
    running.send(lists);
    #[cfg(mistake)]
    let count = list.frames(); //~ here
    count
}
