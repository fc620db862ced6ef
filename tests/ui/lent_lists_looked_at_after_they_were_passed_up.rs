//@ error: E0502
//! The drivers above may write to lists that are passed up: whoever has looked at them looks anew.
#![no_std]

use framecast::ndis::{BorrowedIndication, Passing};

/// Passes the lists up, and counts them.
pub fn pass_up(indication: &mut BorrowedIndication<'_>, passing: &Passing<'_>) -> usize {
    let lists = indication.lists();
    #[cfg(not(mistake))]
    let count = lists.count();
    indication.forward(passing); //~ here
    #[cfg(mistake)]
    let count = lists.count();
    count
}
