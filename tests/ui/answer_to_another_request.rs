//@ error: lifetime may not live long enough
//! The answer to one request is none to another.
#![no_std]

use framecast::ndis::{ControlRequest, Dispatched, Status};

/// Answers two requests, and gives the first one's answer.
pub fn answer_both<'a, 'b: 'a>(
    one: ControlRequest<'a>,
    other: ControlRequest<'b>,
) -> Dispatched<'a> {
    let answer = one.refuse(Status::NOT_SUPPORTED);
    let another = other.refuse(Status::NOT_SUPPORTED);
    #[cfg(mistake)]
    let (answer, another) = (another, answer);
    drop(another);
    answer //~ here
}
