//! NDIS: what filter drivers import from ndis.sys, and the drivers at the ends of a stack.

pub(crate) mod adapter;
pub(crate) mod cable;
pub(crate) mod chain;
pub(crate) mod configuration;
pub(crate) mod context;
pub(crate) mod data;
pub(crate) mod derived;
pub(crate) mod device;
pub(crate) mod direct;
pub(crate) mod filter;
pub(crate) mod fragment;
pub(crate) mod lab_list;
pub(crate) mod later;
pub(crate) mod lifecycle;
pub(crate) mod memory;
pub(crate) mod module;
pub(crate) mod nbl;
pub(crate) mod oid;
pub(crate) mod pnp;
pub(crate) mod pool;
pub(crate) mod protocol;
pub(crate) mod receive;
pub(crate) mod register;
pub(crate) mod rw_lock;
pub(crate) mod send;
pub(crate) mod transition;
