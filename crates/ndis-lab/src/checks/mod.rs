//! Checks that more than one export makes, each for one rule of [`crate::rule::Rule`].
//!
//! What an export alone can see it checks itself.

pub(crate) mod backfill;
pub(crate) mod cancel_id;
pub(crate) mod header;
pub(crate) mod leak;
pub(crate) mod list;
pub(crate) mod state;
pub(crate) mod time;
