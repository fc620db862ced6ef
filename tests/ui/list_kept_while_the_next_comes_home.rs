//@ error: E0499
//! Lists come home one at a time.
#![no_std]

use framecast::ndis::Homecoming;

/// Takes two lists.
pub fn take_two<T>(lists: &mut Homecoming<'_, T>) {
    let one = lists.next();
    #[cfg(not(mistake))]
    drop(one);
    let other = lists.next(); //~ here
    #[cfg(mistake)]
    drop(one);
    drop(other);
}
