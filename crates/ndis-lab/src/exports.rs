//! What the lab exports to drivers, by name.
//!
//! Each function bears its kernel name and is documented where it is defined. They are public so
//! that tests can be drivers themselves.

pub use crate::asm::*;
pub use crate::crt::*;
pub use crate::dbg::*;
pub use crate::ex::list::*;
pub use crate::ex::lookaside::*;
pub use crate::ex::push_lock::*;
pub use crate::ex::rundown::*;
pub use crate::ex::*;
pub use crate::io::csq::*;
pub use crate::io::device::*;
pub use crate::io::irp::*;
pub use crate::io::probe::*;
pub use crate::io::stack_limits::*;
pub use crate::io::work_item::*;
pub use crate::ke::mutex::*;
pub use crate::ke::queued::*;
pub use crate::ke::timer::*;
pub use crate::ke::*;
pub use crate::mm::*;
pub use crate::ndis::configuration::*;
pub use crate::ndis::context::*;
pub use crate::ndis::data::*;
pub use crate::ndis::derived::*;
pub use crate::ndis::device::*;
pub use crate::ndis::direct::*;
pub use crate::ndis::fragment::*;
pub use crate::ndis::later::*;
pub use crate::ndis::memory::*;
pub use crate::ndis::nbl::*;
pub use crate::ndis::oid::*;
pub use crate::ndis::pnp::*;
pub use crate::ndis::pool::*;
pub use crate::ndis::receive::*;
pub use crate::ndis::register::*;
pub use crate::ndis::rw_lock::*;
pub use crate::ndis::send::*;
pub use crate::ob::*;
pub use crate::ps::*;
pub use crate::rtl::*;
pub use crate::zw::*;

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
    crate::asm::EXPORTS,
    crate::crt::EXPORTS,
    crate::dbg::EXPORTS,
    crate::ex::EXPORTS,
    crate::ex::list::EXPORTS,
    crate::ex::lookaside::EXPORTS,
    crate::ex::push_lock::EXPORTS,
    crate::ex::rundown::EXPORTS,
    crate::io::csq::EXPORTS,
    crate::io::device::EXPORTS,
    crate::io::irp::EXPORTS,
    crate::io::probe::EXPORTS,
    crate::io::stack_limits::EXPORTS,
    crate::io::work_item::EXPORTS,
    crate::ke::EXPORTS,
    crate::ke::mutex::EXPORTS,
    crate::ke::queued::EXPORTS,
    crate::ke::timer::EXPORTS,
    crate::mm::EXPORTS,
    crate::ndis::configuration::EXPORTS,
    crate::ndis::context::EXPORTS,
    crate::ndis::data::EXPORTS,
    crate::ndis::derived::EXPORTS,
    crate::ndis::device::EXPORTS,
    crate::ndis::direct::EXPORTS,
    crate::ndis::fragment::EXPORTS,
    crate::ndis::later::EXPORTS,
    crate::ndis::memory::EXPORTS,
    crate::ndis::nbl::EXPORTS,
    crate::ndis::oid::EXPORTS,
    crate::ndis::pnp::EXPORTS,
    crate::ndis::pool::EXPORTS,
    crate::ndis::receive::EXPORTS,
    crate::ndis::register::EXPORTS,
    crate::ndis::rw_lock::EXPORTS,
    crate::ndis::send::EXPORTS,
    crate::ob::EXPORTS,
    crate::ps::EXPORTS,
    crate::rtl::EXPORTS,
    crate::zw::EXPORTS,
];

/// The export of this name. The names of all images are one space.
pub(crate) fn find(name: &str) -> Option<Export> {
    ALL.iter().flat_map(|list| list.iter()).find(|export| export.name == name).copied()
}

/// The export of this name that an image has: ndis.sys what begins with `Ndis`, ntoskrnl.exe the
/// rest, hal.dll what it forwards to ntoskrnl.exe.
pub(crate) fn find_in(image: &str, name: &str) -> Option<Export> {
    let of_ndis = name.starts_with("Ndis");
    let has = match image.to_ascii_lowercase().as_str() {
        "ndis.sys" => of_ndis,
        "ntoskrnl.exe" => !of_ndis,
        "hal.dll" => name.starts_with("Ke") || name.starts_with("Kf"),
        _ => false,
    };
    find(name).filter(|_| has)
}

/// The name of everything that the lab exports, in alphabetical order.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = ALL.iter().flat_map(|list| list.iter()).map(|e| e.name).collect();
    names.sort_unstable();
    names
}
