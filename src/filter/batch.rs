//! Frames on their way out of the driver, gathered into lists.

use crate::ndis::{CancelId, Frame, NetBufferList, NetBufferListQueue, Pools, Result};

/// Gathers frames into lists of one frame, or of many where they belong together.
pub struct Batch<'p, T> {
    pools: &'p Pools<T>,
    lists: NetBufferListQueue<'p, T>,
    /// The list of many frames that the next frame may join.
    open: Option<NetBufferList<'p, T>>,
    /// Frames that joined another.
    joined: u32,
}

impl<'p, T> Batch<'p, T> {
    /// Gathers nothing yet, from `pools`.
    #[must_use]
    pub const fn new(pools: &'p Pools<T>) -> Self {
        Self { pools, lists: NetBufferListQueue::new(pools), open: None, joined: 0 }
    }

    /// Adds a frame to the list of the frame before it, if there is one that can take it.
    ///
    /// # Errors
    ///
    /// - `Ok(Some(frame))`: there is none; the frame needs a list of its own.
    /// - [`Error::Resources`](crate::ndis::Error::Resources): the frame is dropped, and the list
    ///   is complete without it.
    #[inline(never)]
    pub fn join(&mut self, frame: Frame<'p>) -> Result<Option<Frame<'p>>> {
        let Some(list) = &mut self.open else { return Ok(Some(frame)) };
        let joined = list.push(frame);
        match joined {
            Ok(()) => self.joined = self.joined.saturating_add(1),
            Err(_) => self.close(),
        }
        joined.map(|()| None)
    }

    /// Starts a list with a frame; where `others_join`, others may follow it. With an `id`, it can be
    /// cancelled by it.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](crate::ndis::Error::Resources): the frame and the ticket are dropped.
    pub fn start(
        &mut self,
        frame: Frame<'p>,
        ticket: T,
        id: Option<CancelId>,
        others_join: bool,
    ) -> Result {
        if !others_join {
            return self.add(frame, ticket, id);
        }
        self.close();
        self.open = Some(self.pools.many_frames(frame, ticket, id)?);
        Ok(())
    }

    /// Adds a list of one frame; with an `id`, it can be cancelled by it.
    ///
    /// # Errors
    ///
    /// As for [`Batch::start`].
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for each frame: its arguments stay in registers"
    )]
    pub fn add(&mut self, frame: Frame<'p>, ticket: T, id: Option<CancelId>) -> Result {
        if self.open.is_some() {
            self.close();
        }
        self.lists.add(frame, ticket, id)
    }

    /// Frames gathered.
    #[must_use]
    pub fn frames(&self) -> u32 {
        let lists = self.lists.len().saturating_add(self.open.is_some().into());
        lists.saturating_add(self.joined)
    }

    /// Completes the list that frames may join.
    #[inline(never)]
    pub fn close(&mut self) {
        if let Some(list) = self.open.take() {
            self.lists.push(list);
        }
    }

    /// The lists, in the order of their frames.
    #[must_use]
    pub fn into_lists(mut self) -> NetBufferListQueue<'p, T> {
        self.close();
        self.lists
    }
}
