//! Chains of NET_BUFFER_LISTs: our own, which we free, and other drivers', which we pass on.
#![expect(unsafe_code, reason = "links NET_BUFFER_LISTs")]

use super::{
    cancel_id::CancelId,
    frame::Frame,
    handle::FilterHandle,
    homecoming::Homecoming,
    nbl::NetBufferList,
    origin::Origin,
    pool::Pools,
    status::{Result, Status},
    sys::{self, NET_BUFFER_LIST},
    view::Lists,
};
use core::{mem, ptr, ptr::NonNull};

/// Lists of our own in the order they were pushed; dropping it frees them.
///
/// # Invariants
///
/// From `head` to `tail`, `count` lists of `pools` are linked, from `NetBufferList::into_raw`; both
/// are null where there are none.
pub struct NetBufferListQueue<'p, T> {
    pools: &'p Pools<T>,
    head: *mut NET_BUFFER_LIST,
    tail: *mut NET_BUFFER_LIST,
    count: u32,
    /// Whether each list is of one frame.
    single: bool,
}

impl<'p, T> NetBufferListQueue<'p, T> {
    /// An empty queue for lists of `pools`.
    #[must_use]
    pub const fn new(pools: &'p Pools<T>) -> Self {
        Self { pools, head: ptr::null_mut(), tail: ptr::null_mut(), count: 0, single: true }
    }

    /// Adds a list at the end; one of other pools is freed instead.
    pub fn push(&mut self, list: NetBufferList<'p, T>) {
        if ptr::eq(list.pools(), self.pools) {
            self.single &= list.frames() == 1;
            self.link(list.into_raw());
        }
    }

    /// Adds a list of one frame at the end; with an `id`, it can be cancelled by it.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// As for [`Pools::many_frames`].
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for each frame: what it is given stays in registers"
    )]
    pub fn add(&mut self, frame: Frame<'p>, ticket: T, id: Option<CancelId>) -> Result {
        self.link(NetBufferList::one_frame(self.pools, frame, ticket, id)?.into_raw());
        Ok(())
    }

    /// Links a list of these pools to the end.
    fn link(&mut self, list: NonNull<NET_BUFFER_LIST>) {
        // SAFETY: a list of our own.
        let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(list.as_ptr()) };
        // SAFETY: its own field.
        unsafe { next.write(ptr::null_mut()) };
        if self.tail.is_null() {
            self.head = list.as_ptr();
        } else {
            // SAFETY: a list of our own.
            let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(self.tail) };
            // SAFETY: its own field.
            unsafe { next.write(list.as_ptr()) };
        }
        self.tail = list.as_ptr();
        // Memory would end before the number.
        self.count = self.count.wrapping_add(1);
    }

    /// Lists in the queue.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is no list in the queue.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Whether each list is of one frame.
    pub(super) const fn are_single(&self) -> bool {
        self.single
    }

    /// The pools that its lists are from.
    pub(super) const fn pools(&self) -> &'p Pools<T> {
        self.pools
    }

    /// Its lists, to be looked at.
    #[must_use]
    pub fn lists(&self) -> Lists<'_> {
        // SAFETY: by the type's invariant a chain of lists of our own, borrowed with the queue.
        unsafe { Lists::new(self.head) }
    }

    /// Gives the chain away, for NDIS.
    pub(super) fn into_raw(self) -> *mut NET_BUFFER_LIST {
        let head = self.head;
        mem::forget(self);
        head
    }
}

impl<T> Drop for NetBufferListQueue<'_, T> {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant a chain of lists of our own.
        while let Some(list) = unsafe { unlink_first(&mut self.head) } {
            // SAFETY: by the type's invariant from `into_raw` of a list of these pools.
            drop(unsafe { NetBufferList::from_raw(list, self.pools) });
        }
    }
}

/// Takes the first list off a chain.
///
/// # Safety
///
/// `head` is null or starts a chain of lists that the caller owns.
pub(super) unsafe fn unlink_first(
    head: &mut *mut NET_BUFFER_LIST,
) -> Option<NonNull<NET_BUFFER_LIST>> {
    let first = NonNull::new(*head)?;
    // SAFETY: a list of the chain.
    let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(first.as_ptr()) };
    // SAFETY: its own field.
    *head = unsafe { next.read() };
    // SAFETY: its own field.
    unsafe { next.write(ptr::null_mut()) };
    Some(first)
}

/// Puts a list in front of a chain.
///
/// # Safety
///
/// The caller owns the list, which is in no chain; `head` is null or starts a chain of lists that the
/// caller owns, too.
pub(super) unsafe fn link_first(list: NonNull<NET_BUFFER_LIST>, head: &mut *mut NET_BUFFER_LIST) {
    // SAFETY: a list by the caller's promise.
    let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(list.as_ptr()) };
    // SAFETY: its own field.
    unsafe { next.write(*head) };
    *head = list.as_ptr();
}

/// Calls `each` for every list of a chain.
///
/// # Safety
///
/// `head` is null or starts a chain of lists that the caller owns.
unsafe fn for_each(head: *mut NET_BUFFER_LIST, mut each: impl FnMut(NonNull<NET_BUFFER_LIST>)) {
    let mut next = head;
    while let Some(list) = NonNull::new(next) {
        // SAFETY: a list of the chain.
        let place = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(list.as_ptr()) };
        // SAFETY: its own field.
        next = unsafe { place.read() };
        each(list);
    }
}

/// A chain of other drivers' lists that this driver holds for the length of a call.
///
/// # Invariants
///
/// `head` starts a chain of lists that NDIS handed to this driver.
pub(super) struct ForeignChain {
    head: NonNull<NET_BUFFER_LIST>,
}

impl ForeignChain {
    /// # Safety
    ///
    /// `head` is null or starts a chain of lists that NDIS handed to this driver.
    pub(super) unsafe fn from_raw(head: *mut NET_BUFFER_LIST) -> Option<Self> {
        // INVARIANT: the caller's promise.
        NonNull::new(head).map(|head| Self { head })
    }

    pub(super) const fn as_raw(&self) -> *mut NET_BUFFER_LIST {
        self.head.as_ptr()
    }

    /// Its lists, to be looked at.
    pub(super) fn lists(&self) -> Lists<'_> {
        // SAFETY: the type's invariant.
        unsafe { Lists::new(self.as_raw()) }
    }

    pub(super) fn len(&self) -> u32 {
        let mut count = 0_u32;
        // SAFETY: the type's invariant.
        unsafe { for_each(self.as_raw(), |_| count = count.saturating_add(1)) };
        count
    }

    pub(super) fn set_status(&self, status: Status) {
        let set = |list: NonNull<NET_BUFFER_LIST>| {
            // SAFETY: a list that this driver holds.
            let place = unsafe { sys::NET_BUFFER_LIST_STATUS(list.as_ptr()) };
            // SAFETY: its own field.
            unsafe { place.write(status.as_raw()) };
        };
        // SAFETY: the type's invariant.
        unsafe { for_each(self.as_raw(), set) };
    }
}

/// Parts a completed or returned chain into our own lists and other drivers'.
///
/// Order is kept in both; a chain of other drivers' lists alone is not touched.
///
/// # Safety
///
/// `head` is null or starts a chain that NDIS hands to the module of `origin` in
/// FilterSendNetBufferListsComplete or FilterReturnNetBufferLists.
pub(super) unsafe fn part<T>(
    head: *mut NET_BUFFER_LIST,
    origin: &Origin<T>,
) -> (Option<Homecoming<'_, T>>, Option<ForeignChain>) {
    let handle = origin.handle();
    // SAFETY: the caller's promise.
    let (mut ours, rest) = unsafe { count_own(head, handle) };
    let (own, foreign) = if rest.is_null() {
        (head, ptr::null_mut())
    } else {
        let count = |list: NonNull<NET_BUFFER_LIST>| {
            // SAFETY: a list of the chain, by the caller's promise.
            let is_own = unsafe { is_own(list, handle) };
            ours = ours.wrapping_add(is_own.into());
        };
        // SAFETY: the caller's promise; a chain goes on behind its first lists.
        unsafe { for_each(rest, count) };
        match ours {
            0 => (ptr::null_mut(), head),
            // SAFETY: the caller's promise.
            _ => unsafe { relink(head, handle) },
        }
    };
    let homecoming = match ours {
        0 => None,
        // SAFETY: each list of our own was lent when it left, by `Running`, and comes back once.
        _ => unsafe { Homecoming::new(own, origin, ours) },
    };
    // SAFETY: lists that NDIS handed to this driver.
    (homecoming, unsafe { ForeignChain::from_raw(foreign) })
}

/// Counts the lists of our own at the start of a chain, and gives what follows them.
///
/// # Safety
///
/// As for [`part`].
unsafe fn count_own(
    mut head: *mut NET_BUFFER_LIST,
    handle: FilterHandle,
) -> (usize, *mut NET_BUFFER_LIST) {
    let mut ours = 0_usize;
    while let Some(list) = NonNull::new(head) {
        // SAFETY: a list of the chain, by the caller's promise.
        if !unsafe { is_own(list, handle) } {
            break;
        }
        // Memory would end before the number.
        ours = ours.wrapping_add(1);
        // SAFETY: a list of the chain.
        let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(head) };
        // SAFETY: its own field.
        head = unsafe { next.read() };
    }
    (ours, head)
}

/// Relinks a mixed chain into our own lists and other drivers'.
///
/// # Safety
///
/// As for [`part`].
unsafe fn relink(
    head: *mut NET_BUFFER_LIST,
    handle: FilterHandle,
) -> (*mut NET_BUFFER_LIST, *mut NET_BUFFER_LIST) {
    let (mut own, mut foreign) = (ptr::null_mut(), ptr::null_mut());
    let mut own_end: *mut *mut NET_BUFFER_LIST = &raw mut own;
    let mut foreign_end: *mut *mut NET_BUFFER_LIST = &raw mut foreign;
    let link = |list: NonNull<NET_BUFFER_LIST>| {
        // SAFETY: a list of the chain, by the caller's promise.
        let end = if unsafe { is_own(list, handle) } { &mut own_end } else { &mut foreign_end };
        // SAFETY: the end of one of the two chains that grow here.
        unsafe { end.write(list.as_ptr()) };
        // SAFETY: a list of the chain.
        *end = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(list.as_ptr()) };
    };
    // SAFETY: the caller's promise; `for_each` reads a list's successor before it is relinked.
    unsafe { for_each(head, link) };
    // SAFETY: the end of a chain.
    unsafe { own_end.write(ptr::null_mut()) };
    // SAFETY: the end of a chain.
    unsafe { foreign_end.write(ptr::null_mut()) };
    (own, foreign)
}

/// Whether this module originated a list: it put its handle there, and nobody else may.
///
/// # Safety
///
/// `list` is a list that NDIS handed to this driver.
unsafe fn is_own(list: NonNull<NET_BUFFER_LIST>, handle: FilterHandle) -> bool {
    // SAFETY: the caller's promise.
    let source = unsafe { (*list.as_ptr()).SourceHandle };
    source == handle.as_raw()
}
