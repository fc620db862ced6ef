//! Mistakes that the filter can be told to make.

use core::sync::atomic::{AtomicUsize, Ordering};

/// A mistake, by its place among the names.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub enum Mistake {
    /// Sends are passed on while the module is paused.
    PassesWhilePaused = 1,
    /// Receives that are indicated for want of resources are returned while the module is paused.
    ReturnsLentReceives,
    /// A send of many lists makes it touch memory that is not there.
    FaultsOnLongChains,
    /// Sends that come while another is being passed on are forgotten.
    ForgetsSendsThatMeet,
    /// Sends are completed with a status that says that they are not.
    CompletesAsPending,
    /// The flags of a receive are taken for those of its return.
    ReturnsWithReceiveFlags,
    /// A lock is not released.
    KeepsALock,
    /// Sends are passed on with a lock held.
    SendsUnderALock,
    /// It asks for the IRQL that its flags tell.
    AsksForTheIrql,
    /// Memory that an attach took is not given back.
    LeaksMemory,
    /// Memory is given back twice.
    FreesTwice,
    /// A pause that has succeeded is completed besides.
    CompletesThePause,
    /// Lists of other drivers get another source.
    SetsTheSource,
    /// A list is read that was sent.
    ReadsWhatItSent,
}

/// The names, in the same order.
const NAMES: [&[u8]; 14] = [
    b"passes-while-paused",
    b"returns-lent-receives",
    b"faults-on-long-chains",
    b"forgets-sends-that-meet",
    b"completes-as-pending",
    b"returns-with-receive-flags",
    b"keeps-a-lock",
    b"sends-under-a-lock",
    b"asks-for-the-irql",
    b"leaks-memory",
    b"frees-twice",
    b"completes-the-pause",
    b"sets-the-source",
    b"reads-what-it-sent",
];

/// The mistake to make; 0 is none.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

impl Mistake {
    /// Whether it is to be made.
    pub fn is_made(self) -> bool {
        CHOSEN.load(Ordering::Relaxed) == self as usize
    }
}

/// Chooses the mistake of a name, in UTF-16; any other name is none.
pub fn choose(name: &[u16]) {
    let is_name = |known: &&[u8]| {
        known.len() == name.len() && known.iter().zip(name).all(|(&a, &b)| u16::from(a) == b)
    };
    let place = NAMES.iter().position(|known| is_name(&known));
    CHOSEN.store(place.map_or(0, |place| place + 1), Ordering::Relaxed);
}
