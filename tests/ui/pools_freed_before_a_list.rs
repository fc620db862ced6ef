//@ error: E0505
//! Pools live longer than the lists that are made from them.
#![no_std]

use framecast::ndis::{Pools, Result};

/// Makes a list, and ends both.
pub fn end_both<T>(pools: Pools<T>, ticket: T) -> Result {
    let frame = pools.buffers().stock(1).gather(60, |_, _| true)?;
    let list = pools.many_frames(frame, ticket, None)?;
    #[cfg(mistake)]
    drop(pools); //~ here
    drop(list);
    #[cfg(not(mistake))]
    drop(pools);
    Ok(())
}
