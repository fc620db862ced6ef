//@ error: E0505
//! A module does not pause while a list lives that has not been sent.
#![no_std]

use framecast::ndis::{Origin, Result};

/// Makes a list, and leaves.
pub fn make_and_leave<T: Send + 'static>(origin: &Origin<T>, ticket: T) -> Result {
    let Some(running) = origin.enter() else { return Ok(()) };
    let Some(pools) = running.pools() else { return Ok(()) };
    let frame = pools.buffers().stock(1).gather(60, |_, _| true)?;
    let list = pools.many_frames(frame, ticket, None)?;
    #[cfg(mistake)]
    drop(running); //~ here
    drop(list);
    #[cfg(not(mistake))]
    drop(running);
    Ok(())
}
