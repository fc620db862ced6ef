//! What programs use Framecast for, over its control device.

pub mod control;
pub mod inject;
pub mod turn;
