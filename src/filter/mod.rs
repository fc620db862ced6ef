//! What Framecast does with an adapter: it lets everything pass, copies it for whoever asked, and
//! originates frames.
//!
//! # Contexts, locks and what waits for what
//!
//! NDIS calls attach, restart, pause and detach of one module at `PASSIVE_LEVEL`, one at a time.
//! It calls the data path at up to `DISPATCH_LEVEL`, on many processors at once, and does so
//! while a pause begins. Device controls come at `PASSIVE_LEVEL`, whenever they like.
//!
//! **One atomic word decides** whether a module runs: the gate in its
//! [`Origin`](crate::ndis::Origin). Whoever originates enters it for the length of a call, and
//! every list of our own that NDIS has counts as one who is inside. A pause closes the gate and
//! waits for the calls that are inside, which is soon done, so that nothing is originated once it
//! has answered; the last list to come home completes it. Nothing polls, nothing times out. Other
//! drivers' lists are none of ours: who passes them on looks at the word and counts for nothing.
//!
//! **What is copied** for taps and mirrors, a module reads from a
//! [`Published`](crate::ndis::Published) value: one load where nobody asked, else a count of
//! readers, and no lock. [`copying`] replaces it, at `PASSIVE_LEVEL`, one thread at a time behind a
//! push lock, and waits for the readers of the old one. So a tap or a mirror that was ended is used
//! by nobody when the request is answered that ended it. The lock is held while it waits, and no
//! reader ever takes it; calls that read may be inside NDIS, at the target of a mirror, but never
//! wait there: they are at `DISPATCH_LEVEL`, as is whoever originates, so that no suspended thread
//! keeps others waiting.
//!
//! **Spin locks** guard single values for a few instructions: the list of modules
//! ([`adapters`]), a module's [`state`] and plan, the queue of waiting injections, a handle's
//! injections, its tap and the read that waits for it. None is taken while another is held, and
//! none is held across a call into NDIS or the I/O manager, nor while something is dropped that
//! might make such a call. None is on the way of frames that pass or are copied: frame buffers are
//! taken from a list, and records written to a ring, whose words are changed atomically.
//!
//! **Who answers an injection**: its place in the queue and the ticket in each list under way have
//! a stake in it. The last of these to be dropped answers the request, unless a cancellation, or
//! the end of its handle, has answered it before. Its memory stays with its handle, and serves the
//! next request.
//!
//! **Who drives an adapter's queue**: whoever has a reason to (a new request, buffers that came
//! home, a cancellation, a pause) calls [`Queue::serve`](crate::services::queue::Queue::serve).
//! One of them serves at a time and goes on until nobody has had a reason since, so that
//! completions inside a send do not recurse.
//!
//! **Who answers a tap's read**: a work item, which whoever copies asks for when there is enough,
//! and a deadline when time is up; or its cancellation, or the end of the tap. Each takes the read
//! out of its place first, so that one of them answers it.

pub mod adapter;
pub mod adapters;
pub mod batch;
mod bind;
pub mod copies;
pub mod copying;
pub mod counters;
pub mod module;
mod pass;
pub mod plan;
pub mod state;
pub mod traffic;

use crate::ndis::{PartialCancelId, Shared};
use adapters::Adapters;
use copying::Copying;

/// The filter driver as a whole.
pub struct Framecast {
    /// Its modules.
    pub adapters: Shared<Adapters>,
    /// Its taps and mirrors.
    pub copying: Shared<Copying>,
    /// What keeps its cancel ids apart from other drivers'.
    pub cancel_ids: PartialCancelId,
}
