//! OID requests, statuses and events.

use std::sync::Arc;

use crate::exercise::chance::Chance;
use crate::exercise::crew::Actor;
use crate::exercise::seat::Seat;
use crate::oid_request::{OidKind, OidQuery};
use crate::status::NtStatus;

/// Statuses that adapters indicate.
pub(crate) mod status {
    use crate::status::NtStatus;

    pub(crate) const RESET_START: NtStatus = NtStatus(0x4001_0004);
    pub(crate) const RESET_END: NtStatus = NtStatus(0x4001_0005);
    pub(crate) const MEDIA_CONNECT: NtStatus = NtStatus(0x4001_000B);
    pub(crate) const MEDIA_DISCONNECT: NtStatus = NtStatus(0x4001_000C);
    pub(crate) const LINK_STATE: NtStatus = NtStatus(0x4001_0017);
    /// Of no driver but the one that made it up.
    pub(crate) const PRIVATE: NtStatus = NtStatus(0xC0FF_EE00_u32.cast_signed());

    /// NDIS_LINK_STATE: a link of 1 Gbit/s, or none.
    pub(crate) fn link_state(connected: bool) -> Vec<u8> {
        const OBJECT_DEFAULT: u8 = 0x80;
        const FULL_DUPLEX: u32 = 2;
        let speed: u64 = if connected { 1_000_000_000 } else { u64::MAX };
        let connect_state: u32 = if connected { 1 } else { 2 };
        let mut state = vec![OBJECT_DEFAULT, 1, 40, 0];
        state.extend(connect_state.to_le_bytes());
        state.extend(FULL_DUPLEX.to_le_bytes());
        state.extend([0; 4]);
        state.extend([speed.to_le_bytes(), speed.to_le_bytes()].concat());
        state.extend([0; 8]);
        state
    }
}

/// Events of Plug and Play and of power.
pub(crate) mod event {
    /// NET_PNP_EVENT_CODE
    pub(crate) const SET_POWER: u32 = 0;
    pub(crate) const QUERY_POWER: u32 = 1;
    pub(crate) const QUERY_REMOVE: u32 = 2;
    pub(crate) const CANCEL_REMOVE: u32 = 3;
    /// `NetEventMaximum`
    pub(crate) const NET_EVENTS: u32 = 23;
    /// NDIS_DEVICE_PNP_EVENT
    pub(crate) const SURPRISE_REMOVED: u32 = 2;
    /// `NdisDevicePnPEventMaximum`
    pub(crate) const DEVICE_EVENTS: u32 = 7;
}

/// Object identifiers that protocols ask for: maximum frame size, link state, packet filter,
/// multicast list, statistics, current address, offload parameters, a private one.
const OIDS: [u32; 8] = [
    0x0001_0106,
    0x0001_0207,
    0x0001_010E,
    0x0101_0103,
    0x0002_0106,
    0x0101_0102,
    0xFC01_020C,
    0xFF00_0001,
];

/// OID requests carry identifiers from 1 to this one.
const OID_IDS: u64 = 3;

/// A protocol that makes OID requests, one at a time, as NDIS hands them to filters.
pub(crate) struct Asker(pub(crate) Arc<Seat>);

impl Actor for Asker {
    fn name(&self) -> &'static str {
        "asker"
    }

    fn step(&mut self, chance: &mut Chance) {
        let length = chance.size(0..=96);
        let query = OidQuery {
            oid: chance.pick(&OIDS),
            kind: chance.pick(&[
                OidKind::Query,
                OidKind::Set,
                OidKind::QueryStatistics,
                OidKind::Method,
            ]),
            output: chance.size(0..=128),
            buffer: chance.bytes(length),
            id: chance.between(0..=OID_IDS),
        };
        self.0.with(|stack| stack.oid(&query));
    }
}

/// NDIS and the adapter, who tell others what happens, and cancel OID requests.
pub(crate) struct Announcer(pub(crate) Arc<Seat>);

impl Actor for Announcer {
    fn name(&self) -> &'static str {
        "announcer"
    }

    fn step(&mut self, chance: &mut Chance) {
        let length = chance.size(0..=64);
        let bytes = chance.bytes(length);
        let seat = &self.0;
        match chance.between(0..=9) {
            0 | 1 => {
                let state = status::link_state(chance.one_in(2));
                seat.with(|stack| stack.status_indication(status::LINK_STATE, &state));
            }
            2 => {
                let code = chance.pick(&[
                    status::MEDIA_CONNECT,
                    status::MEDIA_DISCONNECT,
                    status::PRIVATE,
                ]);
                seat.with(|stack| stack.status_indication(code, &bytes));
            }
            3 => {
                let answer =
                    chance.pick(&[NtStatus::SUCCESS, NtStatus::FAILURE, NtStatus::NOT_SUPPORTED]);
                seat.with(|stack| stack.answer_net_pnp_events(answer));
            }
            4 | 5 => {
                let event = chance.word() % event::NET_EVENTS;
                seat.with(|stack| stack.net_pnp_event(event, &bytes));
            }
            6 => {
                let event = chance.word() % event::DEVICE_EVENTS;
                seat.with(|stack| stack.device_pnp_event(event, &bytes));
            }
            _ => {
                let id = chance.between(0..=OID_IDS);
                seat.with(|stack| stack.cancel_oid(id));
            }
        }
    }
}
