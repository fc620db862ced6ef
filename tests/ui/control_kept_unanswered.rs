//@ error: E0521
//! A device control outlives its call only when it was made to wait.
#![no_std]

use framecast::ndis::{Cancel, ControlRequest};

fn put_away<T: 'static>(_for_later: T) {}

/// Keeps a request, to be answered later.
pub fn keep<C: Cancel>(request: ControlRequest<'_>, cancel: C) {
    #[cfg(not(mistake))]
    let (request, _dispatched) = request.pend(cancel);
    put_away(request); //~ here
}
