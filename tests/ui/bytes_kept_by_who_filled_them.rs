//@ error: E0521
//! A buffer is lent to be filled, and for that long: then it is a frame's.
#![no_std]

use framecast::ndis::{FreshFrame, Stock};

/// Fills a frame, and keeps its bytes.
pub fn fill<'b>(stock: &mut Stock<'b>) -> Option<FreshFrame<'b>> {
    let mut kept: Option<&mut [u8]> = None;
    let frame = stock.gather_at_hand(64, |bytes| {
        bytes.fill(0);
        #[cfg(mistake)]
        kept.replace(bytes); //~ here
        true
    });
    drop(kept.take());
    frame
}
