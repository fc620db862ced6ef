//! What programs use Framecast for, over its control device.

pub mod client;
pub mod control;
pub mod echoes;
pub mod inject;
pub mod injection;
pub mod injections;
pub mod mirror;
mod mirrored;
mod outcome;
pub mod queue;
mod records;
pub mod selection;
pub mod tap;
pub mod ticket;
pub mod turn;
