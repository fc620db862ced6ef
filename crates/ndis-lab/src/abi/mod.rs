//! The kernel's interface as bytes: layouts, numbers and the types of handlers.
//!
//! All of it is facts of the public headers for x86-64. Structures show the fields that the lab
//! reads or writes; names are the headers' own, adjusted in case.

pub mod handlers;
pub mod io;
pub mod kernel;
pub mod nbl;
pub mod ndis;
pub mod registry;
pub mod sync;

use crate::guest::Plain;

/// A handle: a number that only its maker can interpret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Handle(pub u64);

impl Handle {
    /// No handle.
    pub const NULL: Self = Self(0);
}

#[expect(unsafe_code, reason = "marks a plain integer")]
// SAFETY: one integer.
unsafe impl Plain for Handle {}
