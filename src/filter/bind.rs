//! Attach, restart, pause, detach.

use super::{
    Framecast,
    adapter::Adapter,
    module::FilterModule,
    plan::{Needs, Plan},
    state::Event,
};
use crate::{
    ndis::{
        Attachment, Error, Filter, FrameLayout, Origin, PauseCompletion, PoolSizes, Pools,
        Progress, RestartAttributes, Result, Shared,
    },
    services::inject::Ticket,
};

/// `NdisMedium802_3`: frames start with an Ethernet header.
const ETHERNET: i32 = 0;

impl Filter for Framecast {
    type Module = FilterModule;

    fn attach(&self, attachment: &Attachment<'_>) -> Result<Shared<FilterModule>> {
        if attachment.medium() != ETHERNET {
            return Err(Error::UnsupportedMedia);
        }
        let adapter = Adapter::new(attachment);
        let origin = Origin::new(attachment.handle());
        let module = Shared::try_new(FilterModule::new(adapter, origin, self.adapters.clone()))?;
        module.on(Event::Attached)?;
        self.adapters.insert(module.clone())?;
        Ok(module)
    }
}

impl FilterModule {
    pub(super) fn restarted(&self, attributes: &RestartAttributes<'_>) -> Result {
        self.on(Event::Restart)?;
        let opened = self.open(attributes);
        self.on(if opened.is_ok() { Event::Restarted } else { Event::RestartFailed })?;
        opened
    }

    /// Opens the origin on pools that fit what the drivers below say now.
    fn open(&self, attributes: &RestartAttributes<'_>) -> Result {
        let before = self.plan();
        let plan = match (attributes.general(), before) {
            (Some(general), _) => {
                let needs = Needs {
                    mtu: general.mtu,
                    data_backfill: general.data_backfill,
                    context_backfill: general.context_backfill,
                };
                Plan::new(needs, Pools::<Ticket>::CONTEXT_SIZE)
            }
            // No information: what was true before the pause is the best guess.
            (None, Some(before)) => before,
            (None, None) => Plan::new(Needs::UNKNOWN, Pools::<Ticket>::CONTEXT_SIZE),
        };
        self.origin.open(|pools| {
            if pools.is_some() && before == Some(plan) {
                return Ok(());
            }
            // The old pools first: both at once may be more than there is.
            *pools = None;
            *pools = Some(Pools::new(self.origin.handle(), sizes(plan))?);
            *self.plan.lock() = Some(plan);
            if before.is_some() {
                self.count_rebuild();
            }
            Ok(())
        })
    }

    pub(super) fn paused(&self, completion: PauseCompletion) -> Progress {
        // NDIS pauses only what runs; a module that does not has nothing under way.
        let (Ok(()), Some(stopping)) = (self.on(Event::Pause), self.origin.close()) else {
            return Progress::Done;
        };
        // What waits finds the origin closed, and is refused.
        self.injections.serve(self);
        stopping.drain(completion)
    }

    pub(super) fn detached(&self) {
        self.adapters.remove(self);
        // NDIS detaches only what is paused, so nothing is under way and this cannot fail.
        let _freed = self.origin.free_pools();
    }
}

const fn sizes(plan: Plan) -> PoolSizes {
    PoolSizes {
        context_backfill: plan.context_backfill,
        frames: FrameLayout {
            backfill: plan.data_backfill,
            capacity: plan.capacity,
            count: plan.buffers,
        },
    }
}
