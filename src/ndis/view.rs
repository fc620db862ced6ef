//! Lists that others own, to be looked at for the length of a call: never written, never kept.
#![expect(unsafe_code, reason = "reads NET_BUFFER_LISTs and the memory of their MDLs")]

use super::{
    offload,
    sys::{self, MDL, NET_BUFFER, NET_BUFFER_LIST},
    territory::Territory,
};
use core::{
    cell::Cell,
    marker::PhantomData,
    ptr::{self, NonNull},
};
use wire::{Offloads, Source};

/// The lists of a chain, in order.
///
/// # Invariants
///
/// `next` is null or starts a chain of lists that nobody changes for `'c`.
#[derive(Clone)]
pub struct Lists<'c> {
    next: *mut NET_BUFFER_LIST,
    _call: PhantomData<&'c NET_BUFFER_LIST>,
}

impl Lists<'_> {
    /// # Safety
    ///
    /// `first` is null or starts a chain of lists that this driver holds, or is lent, for the
    /// lifetime of the result.
    pub(super) const unsafe fn new(first: *mut NET_BUFFER_LIST) -> Self {
        // INVARIANT: the caller's promise.
        Self { next: first, _call: PhantomData }
    }
}

impl<'c> Iterator for Lists<'c> {
    type Item = ListView<'c>;

    fn next(&mut self) -> Option<ListView<'c>> {
        let list = NonNull::new(self.next)?;
        // SAFETY: a list of the chain, by the type's invariant.
        let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(list.as_ptr()) };
        // SAFETY: its own field.
        self.next = unsafe { next.read() };
        Some(ListView { list, _call: PhantomData })
    }
}

/// A NET_BUFFER_LIST of another driver's.
///
/// # Invariants
///
/// `list` is a list that nobody changes for `'c`.
#[derive(Clone, Copy)]
pub struct ListView<'c> {
    list: NonNull<NET_BUFFER_LIST>,
    _call: PhantomData<&'c NET_BUFFER_LIST>,
}

impl<'c> ListView<'c> {
    /// Whether NDIS looped it back: a send that comes in as a receive.
    ///
    /// Follows "Looping Back NDIS Packets".
    #[must_use]
    pub fn is_looped_back(self) -> bool {
        // SAFETY: a list by the type's invariant.
        let flags = unsafe { (*self.list.as_ptr()).NblFlags };
        flags & sys::NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET != 0
    }

    /// What its frames leave to the adapter.
    #[must_use]
    pub fn sent_offloads(self) -> Offloads {
        offload::of_send(&self.information())
    }

    /// What the adapter did with its frames.
    #[must_use]
    pub fn received_offloads(self) -> Offloads {
        offload::of_receive(&self.information())
    }

    fn information(self) -> offload::Information {
        // SAFETY: a list by the type's invariant.
        let information = unsafe { &raw const (*self.list.as_ptr()).NetBufferListInfo };
        let at = |index: usize| {
            // SAFETY: every index below is one of the array.
            let place = unsafe { information.cast::<sys::PVOID>().add(index) };
            // SAFETY: the list's own field.
            unsafe { place.read() }.addr()
        };
        offload::Information {
            checksum: at(sys::_NDIS_NET_BUFFER_LIST_INFO::TcpIpChecksumNetBufferListInfo as usize),
            large_send: at(sys::_NDIS_NET_BUFFER_LIST_INFO::TcpLargeSendNetBufferListInfo as usize),
            tag: at(sys::_NDIS_NET_BUFFER_LIST_INFO::Ieee8021QNetBufferListInfo as usize),
            coalesced: at(sys::_NDIS_NET_BUFFER_LIST_INFO::TcpRecvSegCoalesceInfo as usize),
        }
    }

    /// Its frames, in order.
    #[must_use]
    pub fn frames(self) -> FrameViews<'c> {
        // SAFETY: a list by the type's invariant.
        let first = unsafe { sys::NET_BUFFER_LIST_FIRST_NB(self.list.as_ptr()) };
        // SAFETY: the list's own field.
        FrameViews { next: unsafe { first.read() }, _call: PhantomData }
    }
}

/// The frames of a list, in order.
///
/// # Invariants
///
/// `next` is null or starts a chain of NET_BUFFERs that nobody changes for `'c`.
pub struct FrameViews<'c> {
    next: *mut NET_BUFFER,
    _call: PhantomData<&'c NET_BUFFER>,
}

impl<'c> Iterator for FrameViews<'c> {
    type Item = FrameView<'c>;

    fn next(&mut self) -> Option<FrameView<'c>> {
        let buffer = NonNull::new(self.next)?;
        // SAFETY: a NET_BUFFER of the chain, by the type's invariant.
        let next = unsafe { sys::NET_BUFFER_NEXT_NB(buffer.as_ptr()) };
        // SAFETY: its own field.
        self.next = unsafe { next.read() };
        // SAFETY: nobody changes the NET_BUFFER for `'c`.
        Some(unsafe { FrameView::new(buffer) })
    }
}

/// A frame of another driver's, in however many MDLs.
///
/// # Invariants
///
/// From `mdl` on, a chain of MDLs describes memory that is locked for `'c`; the frame's first byte
/// is `offset` bytes into it. `place` is an MDL of the chain and where in the frame its first byte
/// is.
pub struct FrameView<'c> {
    mdl: *mut MDL,
    offset: usize,
    length: usize,
    /// Where the last read ended: most go on from there.
    place: Cell<Place>,
    _call: PhantomData<&'c MDL>,
}

/// An MDL, and how far into the chain its first byte is.
#[derive(Clone, Copy)]
struct Place {
    mdl: *mut MDL,
    before: usize,
}

impl FrameView<'_> {
    /// # Safety
    ///
    /// `buffer` is a NET_BUFFER that nobody changes for the lifetime of the result.
    unsafe fn new(buffer: NonNull<NET_BUFFER>) -> Self {
        // SAFETY: a NET_BUFFER by the caller's promise.
        let data = unsafe { sys::NET_BUFFER_CURRENT_DATA(buffer.as_ptr()) };
        Self {
            mdl: data.mdl,
            offset: data.offset as usize,
            length: data.length as usize,
            place: Cell::new(Place { mdl: data.mdl, before: 0 }),
            _call: PhantomData,
        }
    }

    /// Whether this driver originated it, whichever drivers have passed it on since, with whatever
    /// they put in front: some of its bytes lie in frame buffers of some module.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let mut next = self.mdl;
        let mut skip = self.offset;
        let mut left = self.length;
        while let Some(mdl) = NonNull::new(next).filter(|_| left > 0) {
            // SAFETY: an MDL of the chain, by the type's invariant.
            let size = unsafe { (*mdl.as_ptr()).ByteCount } as usize;
            // SAFETY: as above.
            let start = unsafe { sys::MmGetMdlVirtualAddress(mdl.as_ptr()) };
            let bytes = size.saturating_sub(skip);
            if bytes > 0 && Territory::holds(start.wrapping_add(skip)) {
                return true;
            }
            skip = skip.saturating_sub(size);
            left = left.saturating_sub(bytes);
            // SAFETY: as above.
            next = unsafe { (*mdl.as_ptr()).Next };
        }
        false
    }

    /// Copies what there is of `into` from the MDL at `place`, whose byte `skip` is the first; how
    /// many bytes that were.
    fn copy_from(place: Place, skip: usize, into: &mut [u8]) -> Option<usize> {
        let mdl = NonNull::new(place.mdl)?;
        // SAFETY: an MDL of the chain, by the type's invariant.
        let size = unsafe { (*mdl.as_ptr()).ByteCount } as usize;
        let count = size.checked_sub(skip)?.min(into.len());
        if count == 0 {
            return Some(0);
        }
        // SAFETY: an MDL of locked memory, by the type's invariant.
        let start = unsafe { sys::MmGetSystemAddressForMdlSafe(mdl.as_ptr()) };
        let start = NonNull::new(start)?;
        // SAFETY: `skip` and what follows lie within the MDL's memory.
        let from = unsafe { start.cast::<u8>().add(skip) };
        // Others may write there meanwhile, as on any wire: the bytes are copied once, and only
        // the copy is read.
        // SAFETY:
        // - The source is mapped, and `count` bytes of it lie within the MDL.
        // - The destination is a live slice of at least as many.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), into.as_mut_ptr(), count) };
        Some(count)
    }
}

impl Source for FrameView<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.length
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let end = offset.checked_add(into.len());
        let (Some(mut at), Some(_)) =
            (offset.checked_add(self.offset), end.filter(|&end| end <= self.length))
        else {
            return false;
        };
        let mut place = self.place.get();
        if at < place.before {
            place = Place { mdl: self.mdl, before: 0 };
        }
        let mut rest = into;
        while !rest.is_empty() {
            let Some(mdl) = NonNull::new(place.mdl) else { return false };
            // SAFETY: an MDL of the chain, by the type's invariant.
            let size = unsafe { (*mdl.as_ptr()).ByteCount } as usize;
            let Some(skip) = at.checked_sub(place.before) else { return false };
            if skip >= size {
                // SAFETY: an MDL of the chain, by the type's invariant.
                let next = unsafe { (*mdl.as_ptr()).Next };
                // INVARIANT: the next MDL starts where this one ends.
                place = Place { mdl: next, before: place.before.saturating_add(size) };
                continue;
            }
            let Some(count) = Self::copy_from(place, skip, rest) else { return false };
            at = at.saturating_add(count);
            let Some(left) = rest.get_mut(count..) else { return false };
            rest = left;
            self.place.set(place);
        }
        true
    }
}
