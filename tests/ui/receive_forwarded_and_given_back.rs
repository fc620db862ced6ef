//@ error: E0382
//! Lists from below go on or back, not both.
#![no_std]

use framecast::ndis::{Passing, ReceiveIndication};

/// Passes lists on where that can be, else back.
pub fn pass(indication: ReceiveIndication<'_>, passing: Option<&Passing<'_>>) {
    if let Some(passing) = passing {
        indication.forward(passing);
        #[cfg(not(mistake))]
        return;
    }
    indication.give_back(); //~ here
}
