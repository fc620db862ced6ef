//! Sizes and offsets, as the compiled crate has them.

use std::mem::{offset_of, size_of};

use protocol::{
    AdapterRecord, AdaptersReply, CountersReply, CountersRequest, FilterInstruction, FrameHeader,
    InjectReply, InjectRequest, MirrorRecord, MirrorRemoveRequest, MirrorReply, MirrorRequest,
    MirrorsReply, RequestHeader, TapBatch, TapRecord, TapReply, TapRequest, VersionReply,
};

/// A structure of the interface.
pub(super) struct Layout {
    pub(super) name: &'static str,
    pub(super) size: usize,
    /// By name, with their offsets.
    pub(super) members: Vec<(&'static str, usize)>,
}

/// The layout of a structure whose members are all named; another one does not compile.
macro_rules! layout {
    ($name:ident { $($member:ident),* $(,)? }) => {{
        const _: fn($name) = |$name { $($member: _),* }| ();
        Layout {
            name: stringify!($name),
            size: size_of::<$name>(),
            members: vec![$((stringify!($member), offset_of!($name, $member))),*],
        }
    }};
}

/// All structures, each after those that it is made of.
pub(super) fn all() -> Vec<Layout> {
    vec![
        layout!(RequestHeader { version, reserved }),
        layout!(VersionReply { protocol, driver, ndis }),
        layout!(AdaptersReply { total, returned, record_size, reserved }),
        layout!(AdapterRecord {
            luid,
            if_index,
            media,
            mtu,
            max_frame,
            state,
            data_backfill,
            context_backfill,
            frame_buffers,
            frame_buffers_free,
            pool_rebuilds,
            pools,
            mac_address_length,
            mac_address,
            guid_units,
            name_units,
            reserved,
            guid,
            name,
        }),
        layout!(CountersRequest { header, luid }),
        layout!(CountersReply { values }),
        layout!(InjectRequest { header, luid, direction, frames }),
        layout!(FrameHeader { length, flags }),
        layout!(InjectReply { frames, reserved }),
        layout!(FilterInstruction { code, jump_true, jump_false, operand }),
        layout!(TapRequest {
            header,
            flags,
            snap_length,
            buffer_bytes,
            wake_bytes,
            timeout_milliseconds,
            adapters,
            instructions,
            reserved,
        }),
        layout!(TapReply { buffer_bytes, adapters, timestamp_nanoseconds, reserved }),
        layout!(TapBatch { records, bytes, copied, filtered, dropped }),
        layout!(TapRecord { size, flags, timestamp, luid, length, captured, lost, reserved }),
        layout!(MirrorRequest {
            header,
            source,
            target,
            flags,
            snap_length,
            tag,
            reserved,
            instructions,
        }),
        layout!(MirrorReply { id }),
        layout!(MirrorRemoveRequest { header, id }),
        layout!(MirrorsReply { total, returned, record_size, reserved }),
        layout!(MirrorRecord {
            id,
            source,
            target,
            flags,
            snap_length,
            tag,
            reserved,
            instructions,
            sent,
            bytes,
            filtered,
            dropped,
        }),
    ]
}
