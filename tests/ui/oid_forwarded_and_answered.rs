//@ error: E0382
//! An OID request is forwarded or answered, not both.
#![no_std]

use framecast::ndis::{OidAnswer, OidRequest, Status};

/// Answers a request here, or forwards it.
pub fn handle(request: OidRequest<'_>, here: bool) -> OidAnswer<'_> {
    if here {
        let answer = request.answer(Status::NOT_SUPPORTED);
        #[cfg(not(mistake))]
        return answer;
        #[cfg(mistake)]
        drop(answer);
    }
    request.forward() //~ here
}
