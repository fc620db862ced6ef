//! Nonpaged memory that may run out: every allocation here answers with an error, never a panic.
#![expect(unsafe_code, reason = "allocates raw memory")]

use super::status::{Error, Result};
use alloc::{
    alloc::{alloc, dealloc},
    boxed::Box,
};
use core::{
    alloc::Layout,
    mem,
    ops::Deref,
    ptr::{self, NonNull},
    sync::atomic::{AtomicUsize, Ordering, fence},
};

/// What the system's pool aligns to: `MEMORY_ALLOCATION_ALIGNMENT`.
const ALIGNMENT: usize = super::sys::MEMORY_ALLOCATION_ALIGNMENT;

fn allocate(layout: Layout) -> Result<NonNull<u8>> {
    debug_assert!(layout.size() > 0, "the system allocates no empty blocks");
    // SAFETY: callers ask for at least one byte.
    NonNull::new(unsafe { alloc(layout) }).ok_or(Error::Resources)
}

/// Allocates a slice and fills it with what `make` says for each index.
///
/// # IRQL
///
/// `<= DISPATCH_LEVEL`.
///
/// # Errors
///
/// [`Error::Resources`], or the first error of `make`; what was made before it is dropped.
pub fn try_slice<T>(length: usize, mut make: impl FnMut(usize) -> Result<T>) -> Result<Box<[T]>> {
    /// Drops what was made and frees the memory if `make` fails half-way.
    struct Filling<T> {
        start: NonNull<T>,
        layout: Layout,
        filled: usize,
    }
    impl<T> Drop for Filling<T> {
        fn drop(&mut self) {
            let made = ptr::slice_from_raw_parts_mut(self.start.as_ptr(), self.filled);
            // SAFETY: the first `filled` elements are initialised and owned by the guard.
            unsafe { ptr::drop_in_place(made) };
            // SAFETY: the memory came from the allocator with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), self.layout) };
        }
    }

    const { assert!(align_of::<T>() <= ALIGNMENT, "the system's pool aligns no further") };
    let layout = Layout::array::<T>(length).map_err(|_| Error::Resources)?;
    if layout.size() == 0 {
        // A slice of no bytes needs no memory, and nothing in this driver asks for one.
        return Err(Error::Resources);
    }
    let mut filling = Filling { start: allocate(layout)?.cast::<T>(), layout, filled: 0 };
    for index in 0..length {
        let element = make(index)?;
        // SAFETY: `index` is within the allocation.
        let place = unsafe { filling.start.add(index) };
        // SAFETY: the place is within the allocation, and empty.
        unsafe { place.write(element) };
        filling.filled = index.wrapping_add(1);
    }
    let slice = ptr::slice_from_raw_parts_mut(filling.start.as_ptr(), length);
    core::mem::forget(filling);
    // SAFETY: all elements are initialised, and the memory came from the global allocator with
    // the layout of a slice of them.
    Ok(unsafe { Box::from_raw(slice) })
}

/// A block of nonpaged bytes, aligned to `MEMORY_ALLOCATION_ALIGNMENT`.
pub(super) struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block is plain memory with one owner.
unsafe impl Send for Block {}
// SAFETY: a shared block gives only its address.
unsafe impl Sync for Block {}

impl Block {
    /// Allocates `size` bytes, which are zero.
    pub(super) fn new(size: usize) -> Result<Self> {
        let layout =
            Layout::from_size_align(size.max(1), ALIGNMENT).map_err(|_| Error::Resources)?;
        let start = allocate(layout)?;
        // SAFETY: fresh memory of this size.
        unsafe { start.as_ptr().write_bytes(0, layout.size()) };
        Ok(Self { start, layout })
    }

    pub(super) const fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) const fn size(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the memory came from the allocator with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// A counted, shared value: the last of its owners drops it.
///
/// # Invariants
///
/// `inner` points to a live allocation whose count is the number of `Shared`s, those that
/// [`Shared::into_raw`] took apart included. It is all that there is, so that an `Option` of this is
/// a pointer that may be null.
#[repr(transparent)]
pub struct Shared<T> {
    pub(super) inner: NonNull<Inner<T>>,
}

pub(super) struct Inner<T> {
    owners: AtomicUsize,
    value: T,
}

// SAFETY: owners on any processor share the value (`Sync`), and any of them may drop it (`Send`).
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as for `Send`: a shared owner can be cloned anywhere.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Moves `value` to memory of its own.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`]; `value` is dropped.
    pub fn try_new(value: T) -> Result<Self> {
        const { assert!(align_of::<Inner<T>>() <= ALIGNMENT, "the system's pool aligns no further") };
        let inner = allocate(Layout::new::<Inner<T>>())?.cast::<Inner<T>>();
        // SAFETY: freshly allocated with the layout of `Inner<T>`.
        unsafe { inner.write(Inner { owners: AtomicUsize::new(1), value }) };
        // INVARIANT: one owner, this one.
        Ok(Self { inner })
    }

    /// The value, for who owns it alone.
    #[must_use]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        // SAFETY: alive by the type's invariant.
        let owners = unsafe { &(*this.inner.as_ptr()).owners };
        // Acquire: what owners that are gone did with the value comes before.
        if owners.load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: there is no other owner, and none can come from this one while it is borrowed.
        Some(unsafe { &mut (*this.inner.as_ptr()).value })
    }

    /// What the owners of one value have in common, and no others.
    #[must_use]
    pub const fn identity(this: &Self) -> *const () {
        this.inner.as_ptr().cast_const().cast()
    }

    /// Whether two owners share one value.
    #[must_use]
    pub fn is_same(one: &Self, other: &Self) -> bool {
        one.inner == other.inner
    }

    /// Takes the owner apart into a pointer that a callback's context can hold.
    #[must_use]
    pub(super) fn into_raw(self) -> *mut core::ffi::c_void {
        let raw = self.inner.as_ptr().cast();
        mem::forget(self);
        raw
    }

    /// A pointer that a callback's context can hold while this owner lives.
    pub(super) const fn as_raw(&self) -> *mut core::ffi::c_void {
        self.inner.as_ptr().cast()
    }

    /// Puts an owner together again.
    ///
    /// # Safety
    ///
    /// `raw` came from [`Shared::into_raw`] of the same type and has not been put together since.
    pub(super) unsafe fn from_raw(raw: *mut core::ffi::c_void) -> Option<Self> {
        // INVARIANT: the count still holds the owner that was taken apart.
        NonNull::new(raw.cast()).map(|inner| Self { inner })
    }

    /// One owner more of the value behind a pointer of [`Shared::into_raw`].
    ///
    /// # Safety
    ///
    /// `raw` is null or came from [`Shared::into_raw`] of the same type, and has not been put
    /// together since.
    pub(super) unsafe fn clone_raw(raw: *mut core::ffi::c_void) -> Option<Self> {
        // SAFETY: the caller's promise; the owner is not dropped here.
        let owner = mem::ManuallyDrop::new(unsafe { Self::from_raw(raw) }?);
        Some(Self::clone(&owner))
    }

    /// Looks at the value behind a pointer of [`Shared::into_raw`].
    ///
    /// # Safety
    ///
    /// `raw` is null or came from [`Shared::into_raw`] or [`Shared::as_raw`] of the same type, and
    /// an owner lives for `'s`, whom nobody asks for [`Shared::get_mut`].
    pub(super) unsafe fn peek<'s>(raw: *mut core::ffi::c_void) -> Option<&'s T> {
        let inner = NonNull::new(raw.cast::<Inner<T>>())?;
        // SAFETY: alive for `'s` by the caller's promise.
        let inner: &'s Inner<T> = unsafe { inner.as_ref() };
        Some(&inner.value)
    }
}

impl<T> Inner<T> {
    pub(super) const fn value(&self) -> &T {
        &self.value
    }

    /// Whether many owners may be added at once: the count is below the half of what it holds, where
    /// owners one by one would not bring it in centuries.
    pub(super) fn has_room(&self) -> bool {
        self.owners.load(Ordering::Relaxed) <= usize::MAX / 2
    }

    /// Counts `count` more owners: one, or up to [`u32::MAX`] where [`Inner::has_room`].
    pub(super) fn add_owners(&self, count: usize) {
        // Relaxed: a new owner comes from an old one, which keeps the value alive meanwhile.
        self.owners.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts `count` owners off; the last of all drop the value, and free its memory.
    ///
    /// # Safety
    ///
    /// `this` is alive, and these owners are at their end.
    pub(super) unsafe fn end_owners(this: NonNull<Self>, count: usize) {
        // SAFETY: alive by the caller's promise.
        let owners = unsafe { &this.as_ref().owners };
        // Release: what these owners did with the value comes before its end.
        if owners.fetch_sub(count, Ordering::Release) != count {
            return;
        }
        // Acquire: what the other owners did with the value comes before its end.
        fence(Ordering::Acquire);
        // SAFETY: the last owner is gone, so nobody else reaches the value.
        unsafe { ptr::drop_in_place(this.as_ptr()) };
        // SAFETY: the memory came from the allocator with this layout.
        unsafe { dealloc(this.as_ptr().cast(), Layout::new::<Self>()) };
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        // SAFETY: alive by the type's invariant.
        unsafe { self.inner.as_ref() }.add_owners(1);
        // INVARIANT: one owner more, as just counted.
        Self { inner: self.inner }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: alive by the type's invariant.
        unsafe { self.inner.as_ref() }.value()
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: alive by the type's invariant, and this owner is at its end.
        unsafe { Inner::end_owners(self.inner, 1) };
    }
}
