//! What the drivers at the two ends of a stack do with what reaches them.

use std::sync::Arc;

use crate::edge::{Order, Policy};
use crate::exercise::chance::Chance;
use crate::exercise::crew::Actor;
use crate::exercise::seat::Seat;
use crate::oid_request::OidAnswer;
use crate::stack::Stack;
use crate::status::NtStatus;

/// What sends may be completed with.
const SEND_STATUSES: [NtStatus; 6] = [
    NtStatus::SUCCESS,
    NtStatus::RESOURCES,
    NtStatus::FAILURE,
    NtStatus::NDIS_INVALID_LENGTH,
    NtStatus::NDIS_SEND_ABORTED,
    NtStatus::NDIS_RESET_IN_PROGRESS,
];

/// What OID requests may be answered with.
const OID_STATUSES: [NtStatus; 5] = [
    NtStatus::SUCCESS,
    NtStatus::NOT_SUPPORTED,
    NtStatus::NDIS_BUFFER_TOO_SHORT,
    NtStatus::NDIS_INVALID_OID,
    NtStatus::RESOURCES,
];

/// The whims of the drivers at the two ends.
pub(crate) struct Edges(pub(crate) Arc<Seat>);

impl Actor for Edges {
    fn name(&self) -> &'static str {
        "edges"
    }

    fn step(&mut self, chance: &mut Chance) {
        let order = chance.pick(&[Order::Forward, Order::Reverse, Order::OneByOne]);
        match chance.between(0..=11) {
            0 => self.choose(Stack::hold_sends),
            1 => self.choose(Stack::hold_receives),
            2 => self.choose(|stack| stack.set_send_policy(Policy::Deferred)),
            3 => self.choose(|stack| stack.set_receive_policy(Policy::Deferred)),
            4 | 5 => drop(self.0.with(|stack| stack.release_sends(order))),
            6 | 7 => drop(self.0.with(|stack| stack.release_receives(order))),
            8 => {
                let status = chance.pick(&SEND_STATUSES);
                self.choose(|stack| stack.fail_sends(status));
            }
            9 => {
                let data = chance.pick(&[0, 14, 64, 256, 1000]);
                let context = chance.pick(&[0, 8, 64, 200]);
                self.choose(|stack| stack.use_room(data, context));
            }
            10 => {
                let answer = answer(chance);
                self.choose(|stack| stack.answer_oids_as(answer));
            }
            _ => drop(self.0.with(Stack::release_oids)),
        }
    }

    fn end(&mut self) {
        self.0.hold_nothing_more();
    }
}

impl Edges {
    fn choose(&self, choice: impl FnOnce(&Stack)) {
        self.0.choose(choice);
    }
}

/// What the adapter answers to OID requests.
fn answer(chance: &mut Chance) -> OidAnswer {
    let length = chance.size(0..=64);
    OidAnswer {
        status: chance.pick(&OID_STATUSES),
        policy: chance.pick(&[Policy::Inline, Policy::Deferred, Policy::Held]),
        bytes: chance.bytes(length),
        needed: chance.pick(&[0, 4, 512]),
        revision: chance.pick(&[0, 1]),
    }
}
