//! Lists to be looked at for the length of a call, other drivers' or our own on their way out: never
//! written, never kept.
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

/// A NET_BUFFER_LIST that is looked at.
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

    /// Whether its information may say what its frames, which are sent, leave to the adapter.
    #[must_use]
    #[inline]
    pub fn may_have_offloads_of_send(self) -> bool {
        self.information().is_of_send()
    }

    /// Whether its information may say what the adapter did with its frames, which are received.
    #[must_use]
    #[inline]
    pub fn may_have_offloads_of_receive(self) -> bool {
        self.information().is_of_receive()
    }

    /// What its frames leave to the adapter, or, of frames that are `received`, what the adapter did
    /// with them.
    #[must_use]
    pub fn offloads(self, received: bool) -> Offloads {
        let information = self.information();
        if received { offload::of_receive(&information) } else { offload::of_send(&information) }
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
            supplement: at(
                sys::_NDIS_NET_BUFFER_LIST_INFO::TcpSendOffloadsSupplementalNetBufferListInfo
                    as usize,
            ),
        }
    }

    /// Frames in it.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a list is of frames")]
    pub fn len(self) -> u64 {
        u64::try_from(self.frames().count()).unwrap_or(u64::MAX)
    }

    /// Its frame, where there is one alone.
    #[must_use]
    #[inline]
    pub fn only_frame(self) -> Option<FrameView<'c>> {
        let mut frames = self.frames();
        frames.next().filter(|_| frames.next.is_null())
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

/// A frame that is looked at, in however many MDLs.
///
/// # Invariants
///
/// - `buffer` is a NET_BUFFER that nobody changes for `'c`, with a chain of MDLs of memory that is
///   locked for as long, and `length` bytes of data.
/// - The frame's first `near` bytes are mapped from `start` on: all of it where it lies in one MDL
///   that is mapped, as most do.
/// - `place`, where there is one, is an MDL of the chain and where in the chain its first byte is.
pub struct FrameView<'c> {
    buffer: NonNull<NET_BUFFER>,
    length: u32,
    start: *const u8,
    near: usize,
    /// Where the last read of what is not near ended: most go on from there.
    place: Cell<Option<Place>>,
    _call: PhantomData<&'c NET_BUFFER>,
}

/// An MDL, and how far into the chain its first byte is.
#[derive(Clone, Copy)]
struct Place {
    mdl: NonNull<MDL>,
    before: usize,
}

/// Where the memory of an MDL is mapped already, and how many bytes of it there are: none where it is
/// not mapped, or `mdl` is null.
///
/// # Safety
///
/// `mdl` is null or points to an MDL.
unsafe fn mapped(mdl: *mut MDL) -> (*const u8, usize) {
    // SAFETY: an MDL by the caller's promise, unless null.
    if mdl.is_null() || unsafe { (*mdl).MdlFlags } & sys::MDL_MAPPED == 0 {
        return (ptr::null(), 0);
    }
    // SAFETY: an MDL by the caller's promise.
    let start = unsafe { (*mdl).MappedSystemVa };
    // SAFETY: as above.
    (start.cast::<u8>().cast_const(), unsafe { (*mdl).ByteCount } as usize)
}

impl FrameView<'_> {
    /// # Safety
    ///
    /// `buffer` is a NET_BUFFER that nobody changes for the lifetime of the result.
    #[inline]
    unsafe fn new(buffer: NonNull<NET_BUFFER>) -> Self {
        // SAFETY: a NET_BUFFER by the caller's promise.
        let data = unsafe { sys::NET_BUFFER_CURRENT_DATA(buffer.as_ptr()) };
        // SAFETY: null, or the first MDL of the NET_BUFFER's data.
        let (start, size) = unsafe { mapped(data.mdl) };
        let offset = data.offset as usize;
        // INVARIANT: `offset` bytes into the memory of the first MDL, or no bytes at all.
        Self {
            buffer,
            length: data.length,
            start: start.wrapping_add(offset),
            near: size.saturating_sub(offset).min(data.length as usize),
            place: Cell::new(None),
            _call: PhantomData,
        }
    }

    /// The first MDL of the frame's data, and how many bytes into it the frame starts.
    fn first(&self) -> (*mut MDL, usize) {
        // SAFETY: a NET_BUFFER by the type's invariant.
        let data = unsafe { sys::NET_BUFFER_CURRENT_DATA(self.buffer.as_ptr()) };
        (data.mdl, data.offset as usize)
    }

    /// Whether this driver originated it, whichever drivers have passed it on since, with whatever
    /// they put in front: some of its bytes lie in frame buffers of some module.
    #[must_use]
    #[inline]
    pub fn is_ours(&self) -> bool {
        let (mdl, offset) = self.first();
        match NonNull::new(mdl) {
            Some(mdl) if self.near == self.len() => {
                // SAFETY: an MDL by the type's invariant.
                let start = unsafe { sys::MmGetMdlVirtualAddress(mdl.as_ptr()) };
                Territory::holds(start.wrapping_add(offset))
            }
            _ => self.is_ours_in_part(),
        }
    }

    /// As [`Self::is_ours`], of a frame in many pieces.
    #[inline(never)]
    fn is_ours_in_part(&self) -> bool {
        let (mut next, mut skip) = self.first();
        let mut left = self.length as usize;
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

    /// Copies `into.len()` bytes from `from` on: once, and only the copy is read, for others may
    /// write there meanwhile, as on any wire.
    ///
    /// # Safety
    ///
    /// As many bytes are mapped there, or there are none.
    unsafe fn copy(from: *const u8, into: &mut [u8]) {
        // SAFETY:
        // - Mapped by the caller's promise.
        // - `into` is of as many bytes, and borrowed alone: a frame's bytes lie elsewhere.
        unsafe { ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
    }

    /// As [`Source::read`], of a frame in many pieces, or one that is not mapped yet.
    #[inline(never)]
    fn read_pieces(&self, offset: usize, into: &mut [u8]) -> bool {
        let (mdl, in_front) = self.first();
        let end = offset.checked_add(into.len());
        let (Some(mut at), Some(_)) =
            (offset.checked_add(in_front), end.filter(|&end| end <= self.len()))
        else {
            return false;
        };
        let first = NonNull::new(mdl).map(|mdl| Place { mdl, before: 0 });
        let mut next = self.place.get().filter(|place| place.before <= at).or(first);
        let mut rest = into;
        while !rest.is_empty() {
            let Some(place @ Place { mdl, before }) = next else { return false };
            // SAFETY: an MDL of the chain, by the type's invariant.
            let size = unsafe { (*mdl.as_ptr()).ByteCount } as usize;
            let Some(skip) = at.checked_sub(before) else { return false };
            if skip >= size {
                // SAFETY: an MDL of the chain, by the type's invariant.
                let mdl = NonNull::new(unsafe { (*mdl.as_ptr()).Next });
                // INVARIANT: the next MDL starts where this one ends.
                next = mdl.map(|mdl| Place { mdl, before: before.saturating_add(size) });
                continue;
            }
            let count = size.saturating_sub(skip).min(rest.len());
            let Some((piece, left)) = rest.split_at_mut_checked(count) else { return false };
            // SAFETY: an MDL of locked memory, by the type's invariant.
            let start = unsafe { sys::MmGetSystemAddressForMdlSafe(mdl.as_ptr()) };
            let Some(start) = NonNull::new(start.cast::<u8>()) else { return false };
            // SAFETY: `skip` and what follows lie within the MDL's memory.
            let from = unsafe { start.add(skip) };
            // SAFETY: mapped, and `count` bytes of it lie within the MDL.
            unsafe { Self::copy(from.as_ptr(), piece) };
            at = at.saturating_add(count);
            rest = left;
            self.place.set(Some(place));
        }
        true
    }
}

impl Source for FrameView<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.length as usize
    }

    #[inline]
    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        match offset.checked_add(into.len()) {
            Some(end) if end <= self.near => {
                // SAFETY: from `offset` to `end`, the bytes are mapped by the type's invariant.
                unsafe { Self::copy(self.start.wrapping_add(offset), into) };
                true
            }
            _ => self.read_pieces(offset, into),
        }
    }
}
