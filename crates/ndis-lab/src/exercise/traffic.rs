//! Traffic: the protocol that sends and the adapter that receives.

use std::sync::Arc;

use crate::exercise::chance::Chance;
use crate::exercise::crew::Actor;
use crate::exercise::lists::{self, CANCEL_IDS, Form};
use crate::exercise::seat::Seat;
use crate::irql::Irql;

/// Flags of sends and of receives that say something about the whole chain:
/// `NDIS_SEND_FLAGS_*` and `NDIS_RECEIVE_FLAGS_*`.
const SEND_SINGLE_QUEUE: u32 = 0x4;
const RECEIVE_HINTS: [u32; 4] = [0, 0x100, 0x800, 0x2000];

/// A protocol that sends and cancels.
pub(crate) struct Sender(pub(crate) Arc<Seat>);

impl Actor for Sender {
    fn name(&self) -> &'static str {
        "sender"
    }

    fn step(&mut self, chance: &mut Chance) {
        let seat = &self.0;
        let form = Form { mtu: seat.config.mtu, receive: false };
        match chance.between(0..=9) {
            0 => drop(
                seat.with(|stack| stack.cancel_sends_from_above(chance.between(1..=CANCEL_IDS))),
            ),
            1 => {
                let chain = lists::chain(chance, form);
                seat.with(|stack| stack.send_from_above_with_loopback(chain));
            }
            2 => change_calls(seat, chance),
            _ => {
                let chain = lists::chain(chance, form);
                seat.with(|stack| stack.send_from_above(chain));
            }
        }
    }
}

/// An adapter that receives, often with so few descriptors that it wants them back at once.
pub(crate) struct Receiver(pub(crate) Arc<Seat>);

impl Actor for Receiver {
    fn name(&self) -> &'static str {
        "receiver"
    }

    fn step(&mut self, chance: &mut Chance) {
        let chain = lists::chain(chance, Form { mtu: self.0.config.mtu, receive: true });
        let resources = chance.one_in(3);
        self.0.with(|stack| stack.indicate_from_below(chain, resources));
    }
}

/// Changes what calls of the data path say of themselves.
fn change_calls(seat: &Seat, chance: &mut Chance) {
    let level = chance.pick(&[Irql::PASSIVE, Irql::DISPATCH]);
    let (flag, port) = (!chance.one_in(4), chance.between(0..=1));
    let send = chance.pick(&[0, SEND_SINGLE_QUEUE]);
    let receive = chance.pick(&RECEIVE_HINTS);
    seat.with(|stack| {
        stack.set_level(level);
        stack.set_dispatch_flag(flag);
        stack.set_port(u32::try_from(port).unwrap_or(0));
        stack.set_call_flags(send, receive);
    });
}
