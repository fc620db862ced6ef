//! What a lab counts.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        /// What happened so far, in numbers.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$meta])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Tally {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Tally {
            pub(crate) fn snapshot(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Memory that the driver's calls took from the system: pool memory, the growth of pools,
    /// contexts, MDLs. What a pool recycles is not counted.
    system_allocations,
    /// Allocations that NDIS had to make for a driver below that retreated, or asked for context,
    /// in a list that the filter originated.
    ndis_allocations_for_retreat,
    /// Lists that the filter originated towards the network.
    originated_sends,
    /// Lists that the filter originated towards the protocols.
    originated_receives,
    /// Lists from above that the filter passed on.
    forwarded_sends,
    /// Lists from below that the filter passed on.
    forwarded_receives,
    /// IRPs sent to the driver.
    irps,
    /// Calls of the driver into the lab.
    calls,
}

/// Counts one more.
pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

/// Counts some more.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
