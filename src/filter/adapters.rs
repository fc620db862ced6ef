//! The adapters that the driver serves.

use super::{counters::Counters, module::FilterModule};
use crate::ndis::{Error, Result, Shared, SpinLock};
use heapless::Vec;
use protocol::{CountersReply, Reason, limits};

/// The filter modules, and what modules that are gone have counted.
pub struct Adapters {
    modules: SpinLock<Vec<Shared<FilterModule>, { limits::ADAPTERS }>>,
    gone: Counters,
}

impl Default for Adapters {
    fn default() -> Self {
        Self::new()
    }
}

impl Adapters {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { modules: SpinLock::new(Vec::new()), gone: Counters::new() }
    }

    /// Lists a module.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`]: there are [`limits::ADAPTERS`] already.
    pub fn insert(&self, module: Shared<FilterModule>) -> Result {
        let refused = self.modules.with(|modules| modules.push(module));
        // Out of the lock: a refused module may have no other owner.
        refused.map_err(|_| Error::Resources)
    }

    /// Takes a module off the list, and keeps what it has counted.
    pub fn remove(&self, module: &FilterModule) {
        let removed = self.modules.with(|modules| {
            let place = modules.iter().position(|it| core::ptr::eq(&raw const **it, module))?;
            // Under the lock: a sum finds the counters here or there.
            self.gone.absorb(&module.counters);
            (place < modules.len()).then(|| modules.swap_remove(place))
        });
        // Out of the lock: the last owner frees.
        drop(removed);
    }

    /// The module on the adapter with this LUID.
    #[must_use]
    pub fn find(&self, luid: u64) -> Option<Shared<FilterModule>> {
        self.modules
            .with(|modules| modules.iter().find(|module| module.adapter.luid == luid).cloned())
    }

    /// The modules that there are now.
    #[must_use]
    pub fn all(&self) -> Vec<Shared<FilterModule>, { limits::ADAPTERS }> {
        self.modules.with(|modules| modules.clone())
    }

    /// Counts what belongs to no adapter.
    pub fn count(&self, reason: Reason, count: u64) {
        self.gone.add(reason, count);
    }

    /// What happened on all adapters since the driver was loaded.
    #[must_use]
    pub fn counters(&self) -> CountersReply {
        self.modules.with(|modules| {
            let mut sum = CountersReply::default();
            self.gone.add_to(&mut sum);
            for module in modules.iter() {
                module.counters.add_to(&mut sum);
            }
            sum
        })
    }
}
