//@ error: E0505
//! A list that came home ends with its homecoming: later, its pools may be gone.
#![no_std]

use framecast::ndis::Homecoming;

/// Takes one list, and ends the homecoming.
pub fn take_one<T>(mut lists: Homecoming<'_, T>) {
    let list = lists.next();
    #[cfg(mistake)]
    drop(lists); //~ here
    drop(list);
    #[cfg(not(mistake))]
    drop(lists);
}
