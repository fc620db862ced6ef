//@ error: E0277
//! The right to send is for the length of a call: it stays where it was given.
#![no_std]

use framecast::ndis::Origin;

fn hand_over<T: Send>(_to_another_thread: T) {}

/// Hands over what another thread can send with.
pub fn share<T: Send + 'static>(origin: &Origin<T>) {
    #[cfg(mistake)]
    hand_over(origin.enter()); //~ here
    #[cfg(not(mistake))]
    hand_over(origin);
}
