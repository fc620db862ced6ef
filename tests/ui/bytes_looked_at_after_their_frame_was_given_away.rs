//@ error: E0505
//! The bytes of a fresh frame are seen until the frame is taken: later, the drivers below may write
//! to them, and once they are free, whoever fills the buffer next.
#![no_std]

use framecast::ndis::FreshFrame;

/// Takes the frame, and looks at its bytes.
pub fn take(fresh: FreshFrame<'_>) -> usize {
    let bytes = fresh.bytes();
    #[cfg(not(mistake))]
    let length = bytes.len();
    drop(fresh.into_frame()); //~ here
    #[cfg(mistake)]
    let length = bytes.len();
    length
}
