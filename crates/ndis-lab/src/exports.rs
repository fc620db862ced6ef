//! What the lab exports to drivers, by name.
//!
//! Each function bears its kernel name and is documented where it is defined. They are public so
//! that tests can be drivers themselves.

pub use crate::crt::*;
pub use crate::dbg::*;
pub use crate::ex::*;
pub use crate::io::csq::*;
pub use crate::io::device::*;
pub use crate::io::irp::*;
pub use crate::ke::*;
pub use crate::mm::*;
pub use crate::ndis::context::*;
pub use crate::ndis::data::*;
pub use crate::ndis::derived::*;
pub use crate::ndis::device::*;
pub use crate::ndis::later::*;
pub use crate::ndis::memory::*;
pub use crate::ndis::nbl::*;
pub use crate::ndis::oid::*;
pub use crate::ndis::pnp::*;
pub use crate::ndis::pool::*;
pub use crate::ndis::receive::*;
pub use crate::ndis::register::*;
pub use crate::ndis::send::*;
pub use crate::rtl::*;

/// A function that drivers import.
#[derive(Clone, Copy)]
pub(crate) struct Export {
    pub(crate) name: &'static str,
    pub(crate) address: fn() -> u64,
    /// Whether it can be called through a thunk: all but the ones with a convention of their own.
    pub(crate) thunk: bool,
}

/// Lists functions of the module it stands in.
macro_rules! exports {
    ($($name:ident),* $(,)?) => {
        /// What this module exports.
        pub(crate) const EXPORTS: &[$crate::exports::Export] = &[$(
            $crate::exports::Export {
                name: stringify!($name),
                address: || $name as *const () as u64,
                thunk: true,
            },
        )*];
    };
}
pub(crate) use exports;

const ALL: &[&[Export]] = &[
    crate::crt::EXPORTS,
    crate::dbg::EXPORTS,
    crate::ex::EXPORTS,
    crate::io::csq::EXPORTS,
    crate::io::device::EXPORTS,
    crate::io::irp::EXPORTS,
    crate::ke::EXPORTS,
    crate::mm::EXPORTS,
    crate::ndis::context::EXPORTS,
    crate::ndis::data::EXPORTS,
    crate::ndis::derived::EXPORTS,
    crate::ndis::device::EXPORTS,
    crate::ndis::later::EXPORTS,
    crate::ndis::memory::EXPORTS,
    crate::ndis::nbl::EXPORTS,
    crate::ndis::oid::EXPORTS,
    crate::ndis::pnp::EXPORTS,
    crate::ndis::pool::EXPORTS,
    crate::ndis::receive::EXPORTS,
    crate::ndis::register::EXPORTS,
    crate::ndis::send::EXPORTS,
    crate::rtl::EXPORTS,
];

/// The export of this name. Which image a driver imports it from does not matter: the names are
/// one space, and hal.dll forwards to ntoskrnl.exe.
pub(crate) fn find(name: &str) -> Option<Export> {
    ALL.iter().flat_map(|list| list.iter()).find(|export| export.name == name).copied()
}
