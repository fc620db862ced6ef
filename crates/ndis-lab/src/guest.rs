//! The driver's memory, as a machine sees it: addresses, not references.
//!
//! A driver and the lab share one address space and the driver may write to any of it at any
//! moment, from any thread. So the lab never holds a Rust reference into memory that the driver
//! can reach: a [`Guest`] is an address with a type, and its fields are read and written one at a
//! time, by copy. An address that leads nowhere faults, and the fault becomes a bug-check report
//! about the driver ([`crate::fault`]), as it would on a kernel.
//!
//! A `Guest` comes into being where an address crosses from the driver into the lab (the
//! parameters of an export), from a field of other guest memory, or from a [`Block`] that the lab
//! owns. Nothing else may make one without saying why.
#![expect(unsafe_code, reason = "this is the one place that touches memory shared with a driver")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::guard;

/// A value that any bytes of its size are a valid value of.
///
/// # Safety
///
/// Every bit pattern that a driver can store must be valid for the type.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),*) => {$(
        // SAFETY: an integer has no invalid bit pattern.
        unsafe impl Plain for $type {}
    )*};
}
plain!(u8, i8, u16, i16, u32, i32, u64, i64, usize, isize);

// SAFETY: an array of plain values has no padding and no invalid bit pattern.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
// SAFETY: a `Guest` is one integer.
unsafe impl<T> Plain for Guest<T> {}

macro_rules! plain_functions {
    ($($($argument:ident)*;)*) => {$(
        // SAFETY: null is `None`; that another value is code is the driver's promise, and a wrong
        // one faults at the call like any wild jump of the driver.
        unsafe impl<R, $($argument),*> Plain for Option<extern "win64" fn($($argument),*) -> R> {}
    )*};
}
plain_functions! { ; A; A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; }

/// Where a field of `T` lies and what type it has.
pub struct Field<T, V> {
    offset: u64,
    marker: PhantomData<fn(T) -> V>,
}

impl<T, V> Clone for Field<T, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, V> Copy for Field<T, V> {}

impl<T, V> fmt::Debug for Field<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field(+{})", self.offset)
    }
}

impl<T, V> Field<T, V> {
    /// The field at this offset from the start of `T`.
    #[must_use]
    pub const fn at(offset: u64) -> Self {
        Self { offset, marker: PhantomData }
    }

    /// The offset from the start of `T`.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.offset
    }
}

/// The address of a `T` in memory shared with the driver.
///
/// # Invariants
///
/// The driver handed the address over, or the lab allocated what lies there.
#[repr(transparent)]
pub struct Guest<T> {
    address: u64,
    marker: PhantomData<fn() -> T>,
}

impl<T> Clone for Guest<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Guest<T> {}

impl<T> PartialEq for Guest<T> {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl<T> Eq for Guest<T> {}

impl<T> fmt::Debug for Guest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.address)
    }
}

impl<T> Default for Guest<T> {
    fn default() -> Self {
        Self::NULL
    }
}

impl<T> Guest<T> {
    /// The null pointer.
    pub const NULL: Self = Self { address: 0, marker: PhantomData };

    /// The `T` at an address.
    ///
    /// # Safety
    ///
    /// Memory at the address belongs to the driver or was shared with it, for as long as the
    /// result is used.
    #[must_use]
    pub const unsafe fn from_address(address: u64) -> Self {
        Self { address, marker: PhantomData }
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> u64 {
        self.address
    }

    /// Whether this is the null pointer.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.address == 0
    }

    /// `None` for the null pointer.
    #[must_use]
    pub fn non_null(self) -> Option<Self> {
        (!self.is_null()).then_some(self)
    }

    /// The same address, seen as another type.
    #[must_use]
    pub const fn cast<U>(self) -> Guest<U> {
        Guest { address: self.address, marker: PhantomData }
    }

    /// The address some bytes further.
    #[must_use]
    pub const fn byte_add(self, bytes: u64) -> Self {
        Self { address: self.address.wrapping_add(bytes), marker: PhantomData }
    }

    /// The `index`-th element of an array that starts here.
    #[must_use]
    pub const fn index(self, index: u64) -> Self {
        self.byte_add(index.wrapping_mul(size_of::<T>() as u64))
    }

    /// The address of a field.
    #[must_use]
    pub const fn field<V>(self, field: Field<T, V>) -> Guest<V> {
        self.byte_add(field.offset).cast()
    }

    /// Reads a field.
    #[must_use]
    pub fn get<V: Plain>(self, field: Field<T, V>) -> V {
        self.field(field).read()
    }

    /// Writes a field.
    pub fn set<V: Plain>(self, field: Field<T, V>, value: V) {
        self.field(field).write(value);
    }

    /// Where the lab finds the value, whether or not the driver may touch it.
    fn place(self) -> u64 {
        guard::lab_face(self.address)
    }

    /// Reads a byte as the driver would: faults where the driver may not.
    pub fn touch(self) {
        // SAFETY: the type invariant; a byte that the driver may not read faults for it.
        let _ = unsafe { ptr::read_volatile(self.address as *const u8) };
    }

    /// Reads the value.
    #[must_use]
    pub fn read(self) -> T
    where
        T: Plain,
    {
        // SAFETY: the type invariant: the memory is shared with the driver; any bytes are a `T`.
        unsafe { ptr::read_unaligned(self.place() as *const T) }
    }

    /// Writes the value.
    pub fn write(self, value: T)
    where
        T: Plain,
    {
        // SAFETY: the type invariant: the memory is shared with the driver.
        unsafe { ptr::write_unaligned(self.place() as *mut T, value) }
    }

    /// Copies bytes out.
    #[must_use]
    pub fn read_bytes(self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        // SAFETY: the type invariant for the source; the destination is `length` bytes of our own.
        unsafe { ptr::copy_nonoverlapping(self.place() as *const u8, bytes.as_mut_ptr(), length) };
        bytes
    }

    /// Copies bytes in.
    pub fn write_bytes(self, bytes: &[u8]) {
        // SAFETY: the type invariant for the destination; `bytes` is memory of our own.
        unsafe { ptr::copy(bytes.as_ptr(), self.place() as *mut u8, bytes.len()) };
    }

    /// Copies `length` bytes from another place, which may overlap.
    pub fn copy_from(self, source: Guest<u8>, length: usize) {
        // SAFETY: the type invariant, for both places.
        unsafe { ptr::copy(source.place() as *const u8, self.place() as *mut u8, length) };
    }

    /// Sets `length` bytes.
    pub fn fill(self, byte: u8, length: usize) {
        // SAFETY: the type invariant.
        unsafe { ptr::write_bytes(self.place() as *mut u8, byte, length) };
    }
}

impl Guest<u64> {
    /// The same word as an atomic, for spin locks and counters that the driver shares.
    ///
    /// The reference must not outlive the call that the driver is in.
    pub(crate) fn atomic<'call>(self) -> &'call std::sync::atomic::AtomicU64 {
        // SAFETY: the type invariant; the driver keeps the word alive during its own call, and
        // every access that it or the lab makes to it is atomic.
        unsafe { std::sync::atomic::AtomicU64::from_ptr(self.place() as *mut u64) }
    }
}

impl Guest<i32> {
    /// The same number as an atomic; see [`Guest::<u64>::atomic`].
    pub(crate) fn atomic_i32<'call>(self) -> &'call std::sync::atomic::AtomicI32 {
        // SAFETY: the type invariant; the driver keeps the number alive during its own call.
        unsafe { std::sync::atomic::AtomicI32::from_ptr(self.place() as *mut i32) }
    }
}

/// Memory that the lab owns and shares with the driver; zeroed; freed on drop.
pub struct Block {
    start: NonNull<u8>,
    size: usize,
    home: Home,
}

/// What holds a block.
#[derive(Clone, Copy)]
enum Home {
    /// The heap.
    Heap,
    /// Pages that end at an unmapped one: where, and how many bytes.
    Pages(u64, usize),
    /// Pages with two faces.
    Arena(u64),
}

// SAFETY: a block is an address and a length; all access goes through `Guest`.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({:p}, {} bytes)", self.start, self.size)
    }
}

/// What pool memory is aligned to: MEMORY_ALLOCATION_ALIGNMENT.
pub const ALIGNMENT: usize = 16;

/// The size of a page.
pub const PAGE: usize = 4096;

impl Block {
    fn layout(size: usize) -> Layout {
        let align = if size >= PAGE { PAGE } else { ALIGNMENT };
        Layout::from_size_align(size.max(1), align).expect("a block's size fits an address space")
    }

    /// Zeroed memory, aligned as the pool allocators promise.
    #[must_use]
    pub fn zeroed(size: usize) -> Self {
        let layout = Self::layout(size);
        // SAFETY: the layout is not of zero size.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start, size, home: Home::Heap }
    }

    /// Zeroed memory that ends where an unmapped page begins, as nearly as alignment allows:
    /// running over its end, or touching it once it is dropped, faults.
    ///
    /// # Panics
    ///
    /// When the system has no memory left.
    #[must_use]
    pub fn guarded(size: usize) -> Self {
        let room = size.max(1).next_multiple_of(ALIGNMENT);
        let length = room.next_multiple_of(PAGE) + PAGE;
        // SAFETY: a fresh anonymous mapping touches no existing memory.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED, "the lab is out of memory");
        let guard = base as u64 + (length - PAGE) as u64;
        // SAFETY: the last page of the mapping just made.
        let refused = unsafe { libc::mprotect(guard as *mut _, PAGE, libc::PROT_NONE) };
        assert_eq!(refused, 0, "the lab cannot protect a page");
        let start = NonNull::new((guard - room as u64) as *mut u8).expect("a mapping is not null");
        Self { start, size, home: Home::Pages(base as u64, length) }
    }

    /// Zeroed memory of the driver that can be closed to it, and is when it is dropped; it ends
    /// where a closed page begins, as nearly as alignment allows.
    ///
    /// # Panics
    ///
    /// When the system has no memory left.
    #[must_use]
    pub fn closable(size: usize) -> Self {
        let room = size.max(1).next_multiple_of(ALIGNMENT);
        let pages = room.div_ceil(PAGE);
        let base = guard::allocate(pages, room);
        let start = base + (pages * PAGE - room) as u64;
        let start = NonNull::new(start as *mut u8).expect("a mapping is not null");
        Self { start, size, home: Home::Arena(base) }
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Its first byte, as a `T`.
    #[must_use]
    pub fn guest<T>(&self) -> Guest<T> {
        // INVARIANT: the block is memory that the lab allocated.
        Guest { address: self.start.as_ptr() as u64, marker: PhantomData }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        crate::schedule::session::forget(self.start.as_ptr() as u64, self.size);
        match self.home {
            // SAFETY: the mapping was made by `guarded` and is unmapped once, here.
            Home::Pages(base, length) => unsafe {
                libc::munmap(base as *mut _, length);
            },
            Home::Arena(base) => guard::free(base),
            // SAFETY: allocated by `zeroed` with the same layout, and freed once, here.
            Home::Heap => unsafe { dealloc(self.start.as_ptr(), Self::layout(self.size)) },
        }
    }
}

/// Whether a field lies inside its structure.
pub(crate) const fn lies_within(whole: usize, offset: usize, part: usize) -> bool {
    offset + part <= whole
}

/// Defines structures of the kernel's interface by size, alignment and the fields the lab uses.
///
/// Layouts are facts of the public headers on x86-64; a field that does not lie inside its
/// structure, or is misaligned, does not compile.
macro_rules! layout {
    ($($(#[$meta:meta])* $name:ident($size:literal, $align:tt) {
        $($field:ident: $type:ty = $offset:literal,)*
    })*) => {$(
        $(#[$meta])*
        #[repr(C, align($align))]
        #[derive(Debug)]
        pub struct $name {
            bytes: [u8; $size],
        }

        impl $name {
            /// The size in bytes.
            pub const SIZE: usize = $size;

            $(
                #[doc = concat!("The field `", stringify!($field), "`, at offset ", $offset, ".")]
                pub const $field: $crate::guest::Field<$name, $type> =
                    $crate::guest::Field::at($offset);
            )*
        }

        const _: () = {
            assert!(size_of::<$name>() == $size);
            $(
                assert!($crate::guest::lies_within($size, $offset, size_of::<$type>()));
                assert!($offset % align_of::<$type>() == 0);
            )*
        };
    )*};
}
