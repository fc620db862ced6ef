//! Frames that a test's driver originates.

use ndis_lab::Rule;
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::{Mdl, NetBufferList};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;

use super::{Fake, NON_PAGED, TAG, list_pool};

/// A frame of the driver's own, with room in front.
pub(crate) struct OwnFrame {
    pub(crate) pool: Handle,
    pub(crate) memory: Guest<u8>,
    pub(crate) mdl: Guest<Mdl>,
    pub(crate) list: Guest<NetBufferList>,
}

impl OwnFrame {
    /// Allocates all of it.
    pub(crate) fn new(handle: Handle, bytes: &[u8], data_room: u32, context_room: u16) -> Self {
        let size = u32::try_from(bytes.len()).expect("a short frame") + data_room;
        let pool = list_pool(handle);
        let memory = ExAllocatePool2(NON_PAGED, size.into(), TAG);
        memory.byte_add(data_room.into()).write_bytes(bytes);
        let mdl = NdisAllocateMdl(handle, memory, size);
        let length = bytes.len() as u64;
        let list =
            NdisAllocateNetBufferAndNetBufferList(pool, 0, context_room, mdl, data_room, length);
        list.set(NetBufferList::SOURCE_HANDLE, handle);
        Self { pool, memory, mdl, list }
    }

    /// Frees all of it, in order.
    pub(crate) fn free(self) {
        NdisFreeNetBufferList(self.list);
        NdisFreeMdl(self.mdl);
        ExFreePoolWithTag(self.memory, TAG);
        NdisFreeNetBufferListPool(self.pool);
    }
}

/// A driver that originates a frame whenever the test says, and keeps what comes back.
pub(crate) fn originator() -> Fake {
    Fake {
        on_send_complete: Some(Box::new(|_, _, _| {})),
        on_return: Some(Box::new(|_, _, _| {})),
        ..Fake::default()
    }
}

/// Sends a frame of the driver's own, changed before it leaves, and demands the rules that breaks.
#[track_caller]
pub(crate) fn send_own(change: impl Fn(Guest<NetBufferList>) + Send + 'static, rules: &[Rule]) {
    let world = originator().run();
    world.in_driver(move |handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        change(frame.list);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.free();
    });
    world.expect_broken(rules);
    world.end();
}
