//! Memory with two faces: the driver's, whose pages can be closed to it, and the lab's, which is
//! always open. What the driver does not own, or has freed, faults when it touches it, while the
//! lab goes on working with it.
#![expect(unsafe_code, reason = "maps memory twice and protects one of the mappings")]

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::guest::{ALIGNMENT, PAGE};
use crate::sync::lock;

/// Bytes of each face; memory is taken when it is used.
const SIZE: u64 = 1 << 36;

/// Where the driver's face begins, 0 before there is one, and how far behind it the lab's is.
static BASE: AtomicU64 = AtomicU64::new(0);
static SHIFT: AtomicU64 = AtomicU64::new(0);

/// A block in use.
#[derive(Debug)]
struct Piece {
    /// Its pages, without the closed one behind them.
    pages: usize,
    /// Where in its first page it begins.
    start: u64,
    /// Whether all of it is closed.
    closed: bool,
    /// Parts that are away, start and end of each.
    held: Vec<(u64, u64)>,
    /// Parts that come along with other lists, whoever has them.
    lent: Vec<(u64, u64)>,
}

impl Piece {
    /// Whether all that a page has of the block is away.
    fn is_away(&self, page: u64) -> bool {
        let mut from = page.max(self.start);
        let end = page + PAGE as u64;
        if self.lent.iter().any(|part| part.0 < end && part.1 > from) {
            return false;
        }
        let mut parts: Vec<_> =
            self.held.iter().filter(|part| part.0 < end && part.1 > from).collect();
        parts.sort_unstable();
        for &(start, until) in parts {
            if start > from {
                return false;
            }
            from = from.max(until);
        }
        from >= end
    }
}

/// Which pages are in use.
#[derive(Debug, Default)]
struct Arena {
    base: u64,
    used: u64,
    /// Blocks in use by their first pages.
    blocks: BTreeMap<u64, Piece>,
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

impl Arena {
    /// The block whose pages an address lies in.
    fn around(&mut self, address: u64) -> Option<(u64, &mut Piece)> {
        let (&first, piece) = self.blocks.range_mut(..=address).next_back()?;
        (address < first + (piece.pages * PAGE) as u64).then_some((first, piece))
    }
}

/// Takes zeroed pages, with a closed one behind them, for a block of some bytes at their end;
/// open to the driver.
pub(crate) fn allocate(pages: usize, size: usize) -> u64 {
    let mut arena = lock(arena());
    let first = arena.free.get_mut(&pages).and_then(Vec::pop).unwrap_or_else(|| {
        let first = arena.base + arena.used;
        arena.used += ((pages + 1) * PAGE) as u64;
        assert!(arena.used <= SIZE, "the lab is out of guarded memory");
        first
    });
    let start = first + (pages * PAGE - size) as u64;
    let piece = Piece { pages, start, closed: false, held: Vec::new(), lent: Vec::new() };
    arena.blocks.insert(first, piece);
    protect(first, pages, libc::PROT_READ | libc::PROT_WRITE);
    first
}

/// Gives pages back, which are closed until they are taken again.
pub(crate) fn free(first: u64) {
    let mut arena = lock(arena());
    let Some(Piece { pages, .. }) = arena.blocks.remove(&first) else { return };
    protect(first, pages, libc::PROT_NONE);
    // SAFETY: whole pages of the lab's face, whose bytes nobody uses any more.
    unsafe { libc::madvise(lab_face(first) as *mut _, pages * PAGE, libc::MADV_REMOVE) };
    arena.free.entry(pages).or_default().push(first);
}

/// Lets the pages of a block from one address to another be as the block says.
fn refresh(first: u64, piece: &Piece, from: u64, until: u64) {
    for index in 0..piece.pages {
        let page = first + (index * PAGE) as u64;
        if page < until && page + PAGE as u64 > from {
            let open = !piece.closed && !piece.is_away(page);
            let protection =
                if open { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
            protect(page, 1, protection);
        }
    }
}

/// Opens or closes the block that an address lies in to the driver, if it lies in one.
pub(crate) fn set_open(address: u64, open: bool) {
    if lab_face(address) == address {
        return;
    }
    let mut arena = lock(arena());
    if let Some((first, piece)) = arena.around(address) {
        piece.closed = !open;
        refresh(first, piece, first, first + (piece.pages * PAGE) as u64);
    }
}

/// Closes the pages of which all is away when this part of a block is, too.
pub(crate) fn hold(part: (u64, u64)) {
    add(part, |piece| &mut piece.held);
}

/// Opens the pages that a part of a block lies in, which is back.
pub(crate) fn release(part: (u64, u64)) {
    take(part, |piece| &mut piece.held);
}

/// Parts of blocks that are open to the driver, whoever else has them, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lent(Vec<(u64, u64)>);

impl Lent {
    pub(crate) fn new(parts: Vec<(u64, u64)>) -> Self {
        for &part in &parts {
            add(part, |piece| &mut piece.lent);
        }
        Self(parts)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        for &part in &self.0 {
            take(part, |piece| &mut piece.lent);
        }
    }
}

/// Adds a part of a block to a list of such.
fn add(part: (u64, u64), list: impl Fn(&mut Piece) -> &mut Vec<(u64, u64)>) {
    if lab_face(part.0) == part.0 {
        return;
    }
    let mut arena = lock(arena());
    if let Some((first, piece)) = arena.around(part.0) {
        list(piece).push(round(part));
        refresh(first, piece, part.0, part.1);
    }
}

/// Takes a part of a block off a list of such.
fn take(part: (u64, u64), list: impl Fn(&mut Piece) -> &mut Vec<(u64, u64)>) {
    if lab_face(part.0) == part.0 {
        return;
    }
    let mut arena = lock(arena());
    let Some((first, piece)) = arena.around(part.0) else { return };
    let parts = list(piece);
    if let Some(index) = parts.iter().position(|&held| held == round(part)) {
        parts.swap_remove(index);
        refresh(first, piece, part.0, part.1);
    }
}

/// A part with what alignment leaves unused behind it.
fn round((start, end): (u64, u64)) -> (u64, u64) {
    (start, end.next_multiple_of(ALIGNMENT as u64))
}

/// Whether two addresses lie in the pages of one block.
pub(crate) fn same_block(one: u64, other: u64) -> bool {
    if lab_face(one) == one {
        return one == other;
    }
    let mut arena = lock(arena());
    let first = arena.around(one).map(|(first, _)| first);
    first.is_some() && first == arena.around(other).map(|(first, _)| first)
}
