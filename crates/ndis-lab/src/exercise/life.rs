//! The life of a module: what NDIS does to it, in the order that NDIS keeps.

use std::sync::Arc;

use crate::adapter_config::AdapterConfig;
use crate::exercise::chance::Chance;
use crate::exercise::crew::Actor;
use crate::exercise::requests::{event, status};
use crate::exercise::seat::Seat;
use crate::restart_attributes::RestartAttributes;
use crate::status::NtStatus;

/// What drivers below want in front of data, and in contexts.
const DATA_BACKFILLS: [u32; 8] = [0, 2, 14, 64, 100, 256, 1000, 4096];
const CONTEXT_BACKFILLS: [u32; 6] = [0, 8, 16, 60, 64, 200];

/// The largest payloads of frames.
const MTUS: [u32; 5] = [1500, 1500, 1280, 576, 9000];

/// An adapter unlike others.
pub(crate) fn adapter(number: u8, chance: &mut Chance) -> AdapterConfig {
    let data = chance.pick(&DATA_BACKFILLS);
    let config = AdapterConfig {
        mtu: chance.pick(&MTUS),
        connected: !chance.one_in(5),
        ..AdapterConfig::numbered(number)
    };
    config.with_backfill(data, chance.pick(&CONTEXT_BACKFILLS))
}

/// NDIS, as far as a module's states go.
pub(crate) struct Life {
    pub(crate) seat: Arc<Seat>,
    /// Whether any restart may fail: allocations do.
    pub(crate) fragile: bool,
}

impl Actor for Life {
    fn name(&self) -> &'static str {
        "life"
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.between(0..=19) {
            0..=4 => self.restart(chance),
            5..=8 => {
                self.seat.pause();
                self.restart(chance);
            }
            9..=11 => self.seat.pause(),
            12 | 13 => self.reset(chance),
            14 => self.sleep(chance),
            15 => self.surprise(chance),
            16 => self.reconnect(),
            17 => self.seat.detach(),
            _ => self.seat.attach(self.seat.config.clone()),
        }
    }

    fn end(&mut self) {
        self.seat.attach(self.seat.config.clone());
        self.start();
    }
}

impl Life {
    /// Restarts on the adapter's own attributes, or on any that NDIS may come with.
    fn restart(&self, chance: &mut Chance) {
        if chance.one_in(2) {
            self.start();
        } else {
            self.seat.restart_alone(&attributes(&self.seat.config, chance));
        }
    }

    fn start(&self) {
        let attributes = RestartAttributes::of(&self.seat.config);
        if self.fragile {
            self.seat.restart_alone(&attributes);
        } else {
            self.seat.restart(&attributes);
        }
    }

    /// The adapter resets: sends under way are lost.
    fn reset(&self, chance: &mut Chance) {
        let seat = &self.seat;
        seat.with(|stack| stack.status_indication(status::RESET_START, &[]));
        seat.choose(|stack| stack.fail_sends(NtStatus::NDIS_RESET_IN_PROGRESS));
        if chance.one_in(2) {
            seat.pause();
            self.start();
        }
        seat.choose(|stack| stack.fail_sends(NtStatus::SUCCESS));
        seat.with(|stack| {
            stack.status_indication(status::RESET_END, &NtStatus::SUCCESS.0.to_le_bytes());
        });
    }

    /// The adapter goes to a low power state and comes back.
    fn sleep(&self, chance: &mut Chance) {
        const D0: u32 = 1;
        const D3: u32 = 4;
        let seat = &self.seat;
        let say = |event, state: u32| {
            seat.with(|stack| stack.net_pnp_event(event, &state.to_le_bytes()));
        };
        say(event::QUERY_POWER, D3);
        if chance.one_in(2) {
            seat.pause();
        }
        say(event::SET_POWER, D3);
        say(event::SET_POWER, D0);
        self.start();
    }

    /// The adapter is asked to go, or is gone: in the end the module is detached, and the adapter
    /// comes back.
    fn surprise(&self, chance: &mut Chance) {
        let seat = &self.seat;
        if chance.one_in(2) {
            seat.with(|stack| stack.net_pnp_event(event::QUERY_REMOVE, &[]));
            if chance.one_in(2) {
                seat.with(|stack| stack.net_pnp_event(event::CANCEL_REMOVE, &[]));
                return;
            }
        } else {
            seat.choose(|stack| stack.fail_sends(NtStatus::FAILURE));
            seat.with(|stack| stack.device_pnp_event(event::SURPRISE_REMOVED, &[]));
        }
        seat.detach();
        seat.attach(seat.config.clone());
        self.start();
    }

    /// The cable is pulled and put back.
    fn reconnect(&self) {
        for connected in [false, true] {
            let state = status::link_state(connected);
            self.seat.with(|stack| stack.status_indication(status::LINK_STATE, &state));
        }
    }
}

/// Attributes of every form that NDIS may come with at a restart.
fn attributes(config: &AdapterConfig, chance: &mut Chance) -> RestartAttributes {
    let own = RestartAttributes::of(config);
    match chance.between(0..=9) {
        0 => RestartAttributes::null(),
        1 => RestartAttributes::unknown_only(),
        2 => own.revision(1),
        3 => own.data_length(chance.pick(&[0, 4, 60, 83, 84, 87])),
        4 => own.header_size(chance.pick(&[0, 4, 83, 84, 200])),
        5 => own.header_type(chance.pick(&[0, 1, 0xFF])),
        6 => own.unknown_before(chance.size(1..=3)).unknown_after(chance.size(0..=3)),
        7 => own.mtu(chance.pick(&[0, 68, 576, 1500, 9000, 65535])),
        _ => {
            let changed =
                own.backfill(chance.pick(&DATA_BACKFILLS), chance.pick(&CONTEXT_BACKFILLS));
            if chance.one_in(2) { changed.unknown_before(1) } else { changed }
        }
    }
}
