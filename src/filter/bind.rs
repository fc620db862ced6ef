//! Attaching to an adapter, and planning for what the drivers below it want.

use super::{
    Framecast,
    adapter::Adapter,
    module::FilterModule,
    plan::{Needs, Plan},
    state::Event,
};
use crate::{
    ndis::{
        Attachment, Error, Filter, FrameLayout, Origin, PoolSizes, Pools, RestartAttributes,
        Result, Shared,
    },
    services::ticket::Ticket,
};

/// `NdisMedium802_3`: frames start with an Ethernet header.
const ETHERNET: i32 = 0;

impl Filter for Framecast {
    type Module = FilterModule;

    fn attach(
        &self,
        attachment: &Attachment<'_>,
        origin: Shared<Origin<Ticket>>,
    ) -> Result<Shared<FilterModule>> {
        if attachment.medium() != ETHERNET {
            return Err(Error::UnsupportedMedia);
        }
        let adapter = Adapter::new(attachment);
        let module = Shared::try_new(FilterModule::try_new(adapter, origin, self)?)?;
        module.on(Event::Attached)?;
        self.adapters.insert(module.clone())?;
        self.copying.refresh(&self.adapters);
        Ok(module)
    }
}

impl FilterModule {
    /// Plans anew for what the drivers below say now.
    pub(super) fn replan(&self, attributes: &RestartAttributes<'_>) -> PoolSizes {
        let new = |needs| Plan::new(needs, Pools::<Ticket>::CONTEXT_SIZE);
        let stated = attributes.general().map(|general| {
            new(Needs {
                mtu: general.mtu,
                data_backfill: general.data_backfill,
                context_backfill: general.context_backfill,
            })
        });
        // Where they say nothing, what was true before the pause is the best guess.
        let plan = stated.or(self.plan()).unwrap_or_else(|| new(Needs::UNKNOWN));
        self.plan.with(|place| *place = Some(plan));
        self.set_max_frame(plan.max_frame);
        sizes(plan)
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
