//! Other drivers' lists on their way through this driver: whoever holds them must let them go on.
#![expect(unsafe_code, reason = "hands chains to NDIS")]

use super::{
    chain::ForeignChain,
    handle::FilterHandle,
    origin::Passing,
    status::Status,
    sys::{self, NDIS_PORT_NUMBER, ULONG},
    view::Lists,
};
use core::{marker::PhantomData, mem};

/// The flags that say the same of a call, in each of the four directions.
struct Flags {
    dispatch_level: bool,
    single_queue: bool,
}

impl Flags {
    const fn of_send(flags: ULONG) -> Self {
        Self {
            dispatch_level: flags & sys::NDIS_SEND_FLAGS_DISPATCH_LEVEL != 0,
            single_queue: flags & sys::NDIS_SEND_FLAGS_SINGLE_QUEUE != 0,
        }
    }

    const fn of_receive(flags: ULONG) -> Self {
        Self {
            dispatch_level: flags & sys::NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0,
            single_queue: flags & sys::NDIS_RECEIVE_FLAGS_SINGLE_QUEUE != 0,
        }
    }

    /// As flags of a completion or a return, which are alike.
    const fn of_way_back(&self) -> ULONG {
        let dispatch_level =
            if self.dispatch_level { sys::NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL } else { 0 };
        let single_queue =
            if self.single_queue { sys::NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE } else { 0 };
        dispatch_level | single_queue
    }
}

const _: () = {
    assert!(sys::NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL == sys::NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
    assert!(sys::NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE == sys::NDIS_RETURN_FLAGS_SINGLE_QUEUE);
};

/// Lists that the drivers above want sent; dropping it completes them with a failure.
pub struct SendRequest<'m> {
    handle: FilterHandle,
    lists: ForeignChain,
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
    _module: PhantomData<&'m ()>,
}

impl SendRequest<'_> {
    pub(super) const fn new(
        handle: FilterHandle,
        lists: ForeignChain,
        port: NDIS_PORT_NUMBER,
        flags: ULONG,
    ) -> Self {
        Self { handle, lists, port, flags, _module: PhantomData }
    }

    /// Lists in the request.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "NDIS hands over no empty chains")]
    pub fn len(&self) -> u32 {
        self.lists.len()
    }

    /// The lists, to be looked at.
    #[must_use]
    pub fn lists(&self) -> Lists<'_> {
        self.lists.lists()
    }

    /// Passes the lists down as they are: one chain, same port, same flags.
    ///
    /// On the word of another module they are not passed, but completed with a failure.
    ///
    /// # IRQL
    ///
    /// That of FilterSendNetBufferLists, with no lock held.
    ///
    /// Follows NdisFSendNetBufferLists.
    pub fn forward(self, passing: &Passing<'_>) {
        if passing.handle() != self.handle {
            return;
        }
        // SAFETY: the module is running, and the lists are passed on once, as they came.
        unsafe {
            sys::NdisFSendNetBufferLists(
                self.handle.as_raw(),
                self.lists.as_raw(),
                self.port,
                self.flags,
            );
        };
        mem::forget(self);
    }

    /// Gives the lists back with `status`.
    ///
    /// # IRQL
    ///
    /// That of FilterSendNetBufferLists, with no lock held.
    ///
    /// Follows NdisFSendNetBufferListsComplete.
    pub fn complete(self, status: Status) {
        self.give_back(status);
        mem::forget(self);
    }

    fn give_back(&self, status: Status) {
        self.lists.set_status(status.of_the_end());
        let flags = Flags::of_send(self.flags).of_way_back();
        // SAFETY: the lists came from above, and go back once.
        unsafe {
            sys::NdisFSendNetBufferListsComplete(self.handle.as_raw(), self.lists.as_raw(), flags);
        };
    }
}

impl Drop for SendRequest<'_> {
    fn drop(&mut self) {
        self.give_back(Status::FAILURE);
    }
}

/// Lists that the drivers below received and lend until they are returned; dropping it returns
/// them.
pub struct ReceiveIndication<'m> {
    lists: BorrowedIndication<'m>,
}

impl ReceiveIndication<'_> {
    pub(super) const fn new(
        handle: FilterHandle,
        lists: ForeignChain,
        port: NDIS_PORT_NUMBER,
        count: ULONG,
        flags: ULONG,
    ) -> Self {
        Self { lists: BorrowedIndication::new(handle, lists, port, count, flags) }
    }

    /// Lists in the indication.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "NDIS hands over no empty chains")]
    pub fn len(&self) -> u32 {
        self.lists.len()
    }

    /// The lists, to be looked at.
    #[must_use]
    pub fn lists(&self) -> Lists<'_> {
        self.lists.lists()
    }

    /// Passes the lists up as they are: one chain, same port, same flags.
    ///
    /// On the word of another module they are not passed, but returned.
    ///
    /// # IRQL
    ///
    /// That of FilterReceiveNetBufferLists, with no lock held.
    ///
    /// Follows NdisFIndicateReceiveNetBufferLists.
    pub fn forward(mut self, passing: &Passing<'_>) {
        if passing.handle() == self.lists.handle {
            self.lists.forward(passing);
            mem::forget(self);
        }
    }

    /// Returns the lists to the drivers below.
    ///
    /// # IRQL
    ///
    /// That of FilterReceiveNetBufferLists, with no lock held.
    ///
    /// Follows NdisFReturnNetBufferLists.
    pub fn give_back(self) {
        drop(self);
    }
}

impl Drop for ReceiveIndication<'_> {
    fn drop(&mut self) {
        let flags = Flags::of_receive(self.lists.flags).of_way_back();
        // SAFETY: the lists came from below without RESOURCES, and go back once.
        unsafe {
            sys::NdisFReturnNetBufferLists(
                self.lists.handle.as_raw(),
                self.lists.lists.as_raw(),
                flags,
            );
        };
    }
}

/// Lists that the drivers below received and want back when the call returns
/// (`NDIS_RECEIVE_FLAGS_RESOURCES`): they can be looked at and passed up, not kept or returned.
pub struct BorrowedIndication<'m> {
    handle: FilterHandle,
    lists: ForeignChain,
    port: NDIS_PORT_NUMBER,
    count: ULONG,
    flags: ULONG,
    _module: PhantomData<&'m ()>,
}

impl BorrowedIndication<'_> {
    pub(super) const fn new(
        handle: FilterHandle,
        lists: ForeignChain,
        port: NDIS_PORT_NUMBER,
        count: ULONG,
        flags: ULONG,
    ) -> Self {
        Self { handle, lists, port, count, flags, _module: PhantomData }
    }

    /// Lists in the indication.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "NDIS hands over no empty chains")]
    pub fn len(&self) -> u32 {
        self.lists.len()
    }

    /// The lists, to be looked at.
    #[must_use]
    pub fn lists(&self) -> Lists<'_> {
        self.lists.lists()
    }

    /// Passes the lists up as they are; they are back when this returns, and whoever has looked at
    /// them looks anew: the drivers above may write to them meanwhile.
    ///
    /// On the word of another module they are not passed.
    ///
    /// # IRQL
    ///
    /// That of FilterReceiveNetBufferLists, with no lock held.
    ///
    /// Follows NdisFIndicateReceiveNetBufferLists.
    pub fn forward(&mut self, passing: &Passing<'_>) {
        if passing.handle() != self.handle {
            return;
        }
        // SAFETY:
        // - The module is running.
        // - The lists are passed up as they came, with the count and flags that NDIS gave; nobody
        //   looks at them meanwhile, for they are borrowed.
        unsafe {
            sys::NdisFIndicateReceiveNetBufferLists(
                self.handle.as_raw(),
                self.lists.as_raw(),
                self.port,
                self.count,
                self.flags,
            );
        };
    }
}
