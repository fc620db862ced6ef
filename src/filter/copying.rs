//! All taps and mirrors, and which module copies for which.

use super::{
    adapters::Adapters,
    copies::{Copies, Mirroring},
    module::FilterModule,
};
use crate::{
    ndis::{Error, PassiveGuard, PassiveLock, Result, Shared, Status},
    services::{mirror::Mirror, tap::SharedTap},
};
use heapless::Vec;
use protocol::limits;

/// All taps and mirrors.
///
/// They are changed by one thread at a time, at PASSIVE_LEVEL. Each change reaches the modules
/// before the call that makes it returns: what is removed is not used any more by then.
pub struct Copying {
    all: PassiveLock<All>,
}

struct All {
    taps: Vec<SharedTap, { limits::TAPS }>,
    mirrors: Vec<Shared<Mirror>, { limits::MIRRORS }>,
    last_mirror: u64,
}

const TOO_MANY: Error = Error::Other(Status::QUOTA_EXCEEDED);

impl Default for Copying {
    fn default() -> Self {
        Self::new()
    }
}

impl Copying {
    /// Nothing is copied.
    #[must_use]
    pub const fn new() -> Self {
        let all = All { taps: Vec::new(), mirrors: Vec::new(), last_mirror: 0 };
        Self { all: PassiveLock::new(all) }
    }

    /// Begins a tap.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// - [`Status::QUOTA_EXCEEDED`]: there are [`limits::TAPS`] already.
    /// - [`Status::CANCELLED`]: the tap was ended before it began.
    pub fn begin_tap(&self, adapters: &Adapters, tap: SharedTap) -> Result {
        let mut all = self.all.lock();
        if tap.has_ended() {
            return Err(Error::Other(Status::CANCELLED));
        }
        all.taps.push(tap).map_err(|_| TOO_MANY)?;
        refresh(&all, adapters);
        Ok(())
    }

    /// Ends a tap: when this returns, no module copies for it any more.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub fn end_tap(&self, adapters: &Adapters, tap: &SharedTap) {
        let mut all = self.all.lock();
        all.taps.retain(|other| !Shared::is_same(other, tap));
        refresh(&all, adapters);
    }

    /// Begins the mirror that `make` makes of the next number.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// - [`Status::QUOTA_EXCEEDED`]: there are [`limits::MIRRORS`] already.
    /// - [`Status::TOO_MANY_LINKS`]: its frames would come back to where they came from.
    /// - What `make` says.
    pub fn begin_mirror(
        &self,
        adapters: &Adapters,
        make: impl FnOnce(u64) -> Result<Shared<Mirror>>,
    ) -> Result<u64> {
        let mut all = self.all.lock();
        let id = all.last_mirror.saturating_add(1);
        let mirror = make(id)?;
        if all.leads_back(&mirror) {
            return Err(Error::Other(Status::TOO_MANY_LINKS));
        }
        all.mirrors.push(mirror).map_err(|_| TOO_MANY)?;
        all.last_mirror = id;
        refresh(&all, adapters);
        Ok(id)
    }

    /// Ends the mirrors that are `unwanted`: when this returns, no module copies for them. How
    /// many they were.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub fn end_mirrors(&self, adapters: &Adapters, unwanted: impl Fn(&Mirror) -> bool) -> usize {
        let mut all = self.all.lock();
        let before = all.mirrors.len();
        all.mirrors.retain(|mirror| !unwanted(mirror));
        let ended = before.saturating_sub(all.mirrors.len());
        refresh(&all, adapters);
        ended
    }

    /// Lends every mirror to `look`, in the order of their numbers.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub fn with_mirrors<R>(&self, look: impl FnOnce(&[Shared<Mirror>]) -> R) -> R {
        look(&self.all.lock().mirrors)
    }

    /// Tells every module what it copies for, after a module has come or gone.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub fn refresh(&self, adapters: &Adapters) {
        refresh(&self.all.lock(), adapters);
    }

    /// Has a module that is leaving copy for nobody.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub fn release(&self, module: &FilterModule) {
        let alone = self.all.lock();
        module.copies.replace(None::<fn(&mut Copies)>);
        drop(alone);
    }
}

fn refresh(all: &PassiveGuard<'_, All>, adapters: &Adapters) {
    let modules = adapters.all();
    for module in &modules {
        if !all.is_current(module, &modules) {
            let fill = |copies: &mut Copies| all.fill(copies, module, &modules);
            module.copies.replace(all.copies_for(module).then_some(fill));
        }
    }
}

impl All {
    /// Whether a module copies for anyone.
    fn copies_for(&self, module: &FilterModule) -> bool {
        self.taps_of(module).next().is_some()
            || self.mirrors.iter().any(|mirror| mirror.source() == module.adapter.luid)
    }

    /// The taps that want a module's frames.
    fn taps_of(&self, module: &FilterModule) -> impl Iterator<Item = &SharedTap> {
        let luid = module.adapter.luid;
        self.taps.iter().filter(move |tap| tap.covers(luid))
    }

    /// The mirrors that a module is the source of, each with its target if that is there.
    fn mirrors_of<'m>(
        &'m self,
        module: &FilterModule,
        modules: &'m [Shared<FilterModule>],
    ) -> impl Iterator<Item = (&'m Shared<Mirror>, Option<&'m Shared<FilterModule>>)> {
        let luid = module.adapter.luid;
        let mirrors = self.mirrors.iter().filter(move |mirror| mirror.source() == luid);
        mirrors.map(|mirror| {
            let target = modules.iter().find(|module| module.adapter.luid == mirror.target());
            (mirror, target)
        })
    }

    /// Whether a module copies for just what it should.
    fn is_current(&self, module: &FilterModule, modules: &[Shared<FilterModule>]) -> bool {
        let of_mirror = |(mirror, target): (&Shared<Mirror>, Option<&Shared<FilterModule>>)| {
            (Shared::identity(mirror), target.map(Shared::identity))
        };
        let current = module.copies.with(|now| {
            let mirrors = now.mirrors.iter().map(|it| (&it.mirror, it.target.as_ref()));
            let taps = now.taps.iter().map(Shared::identity);
            taps.eq(self.taps_of(module).map(Shared::identity))
                && mirrors.map(of_mirror).eq(self.mirrors_of(module, modules).map(of_mirror))
        });
        current.unwrap_or_else(|| !self.copies_for(module))
    }

    /// Writes down what a module copies for, in a list that is empty.
    fn fill(&self, copies: &mut Copies, module: &FilterModule, modules: &[Shared<FilterModule>]) {
        // There is room for all that there can be.
        for tap in self.taps_of(module) {
            _ = copies.taps.push(tap.clone());
        }
        for (mirror, target) in self.mirrors_of(module, modules) {
            let mirroring = Mirroring { mirror: mirror.clone(), target: target.cloned() };
            _ = copies.mirrors.push(mirroring);
        }
    }

    /// Whether the target of `new` leads to its source, by however many mirrors.
    fn leads_back(&self, new: &Mirror) -> bool {
        let mut reached: Vec<u64, { limits::MIRRORS + 1 }> = Vec::new();
        _ = reached.push(new.target());
        let mut next = 0_usize;
        while let Some(&from) = reached.get(next) {
            if from == new.source() {
                return true;
            }
            for mirror in self.mirrors.iter().filter(|mirror| mirror.source() == from) {
                if !reached.contains(&mirror.target()) {
                    // There is room: each mirror adds one at most.
                    _ = reached.push(mirror.target());
                }
            }
            next = next.saturating_add(1);
        }
        false
    }
}
