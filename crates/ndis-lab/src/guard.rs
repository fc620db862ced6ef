//! Memory with two faces: the driver's, whose pages can be closed to it, and the lab's, which is
//! always open. What the driver does not own, or has freed, faults when it touches it, while the
//! lab goes on working with it.
#![expect(unsafe_code, reason = "maps memory twice and protects one of the mappings")]

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::guest::PAGE;
use crate::sync::lock;

/// Bytes of each face; memory is taken when it is used.
const SIZE: u64 = 1 << 36;

/// Where the driver's face begins, 0 before there is one, and how far behind it the lab's is.
static BASE: AtomicU64 = AtomicU64::new(0);
static SHIFT: AtomicU64 = AtomicU64::new(0);

/// Which pages are in use.
#[derive(Debug, Default)]
struct Arena {
    base: u64,
    used: u64,
    /// Blocks in use: first page to number of pages, without the closed one behind them.
    blocks: BTreeMap<u64, usize>,
    /// Free blocks by number of pages.
    free: BTreeMap<usize, Vec<u64>>,
}

static ARENA: OnceLock<Mutex<Arena>> = OnceLock::new();

/// Where the lab finds what the driver has at an address.
#[inline]
pub(crate) fn lab_face(address: u64) -> u64 {
    let base = BASE.load(Ordering::Relaxed);
    if base != 0 && address.wrapping_sub(base) < SIZE {
        address.wrapping_add(SHIFT.load(Ordering::Relaxed))
    } else {
        address
    }
}

fn map(file: i32, protection: i32) -> u64 {
    let size = usize::try_from(SIZE).unwrap_or(usize::MAX);
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping touches no existing memory.
    let base = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, file, 0) };
    assert_ne!(base, libc::MAP_FAILED, "the lab cannot map its guarded memory");
    base as u64
}

fn arena() -> &'static Mutex<Arena> {
    ARENA.get_or_init(|| {
        // SAFETY: the name is a string that ends with a zero.
        let file = unsafe { libc::memfd_create(c"ndis-lab".as_ptr(), libc::MFD_CLOEXEC) };
        assert!(file >= 0, "the lab cannot make its guarded memory");
        // SAFETY: the file was just made.
        let refused = unsafe { libc::ftruncate(file, SIZE.cast_signed()) };
        assert_eq!(refused, 0, "the lab cannot size its guarded memory");
        let base = map(file, libc::PROT_NONE);
        let lab = map(file, libc::PROT_READ | libc::PROT_WRITE);
        SHIFT.store(lab.wrapping_sub(base), Ordering::Relaxed);
        BASE.store(base, Ordering::Release);
        Mutex::new(Arena { base, ..Arena::default() })
    })
}

fn protect(start: u64, pages: usize, protection: i32) {
    // SAFETY: whole pages of the driver's face, which only the arena maps.
    let refused = unsafe { libc::mprotect(start as *mut _, pages * PAGE, protection) };
    assert_eq!(refused, 0, "the lab cannot protect its guarded memory");
}

/// Takes zeroed pages, with a closed one behind them; open to the driver.
pub(crate) fn allocate(pages: usize) -> u64 {
    let mut arena = lock(arena());
    let start = arena.free.get_mut(&pages).and_then(Vec::pop).unwrap_or_else(|| {
        let start = arena.base + arena.used;
        arena.used += ((pages + 1) * PAGE) as u64;
        assert!(arena.used <= SIZE, "the lab is out of guarded memory");
        start
    });
    arena.blocks.insert(start, pages);
    protect(start, pages, libc::PROT_READ | libc::PROT_WRITE);
    start
}

/// Gives pages back, which are closed until they are taken again.
pub(crate) fn free(start: u64) {
    let mut arena = lock(arena());
    let Some(pages) = arena.blocks.remove(&start) else { return };
    protect(start, pages, libc::PROT_NONE);
    // SAFETY: whole pages of the lab's face, whose bytes nobody uses any more.
    unsafe { libc::madvise(lab_face(start) as *mut _, pages * PAGE, libc::MADV_REMOVE) };
    arena.free.entry(pages).or_default().push(start);
}

/// Opens or closes the block that an address lies in to the driver, if it lies in one.
pub(crate) fn set_open(address: u64, open: bool) {
    if lab_face(address) == address {
        return;
    }
    let arena = lock(arena());
    let Some((&start, &pages)) = arena.blocks.range(..=address).next_back() else { return };
    if address < start + (pages * PAGE) as u64 {
        let protection = if open { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
        protect(start, pages, protection);
    }
}
