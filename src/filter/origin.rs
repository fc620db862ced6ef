//! Frames on their way out of the driver, gathered into lists.

use crate::ndis::{CancelId, Frame, NetBufferList, NetBufferListQueue, Pools, Result};

/// Gathers frames into lists of one frame, or of many where they belong together.
pub struct Batch<'p, T> {
    pools: &'p Pools<T>,
    lists: NetBufferListQueue<'p, T>,
    /// The list of many frames that the next frame may join.
    open: Option<NetBufferList<'p, T>>,
    frames: u32,
}

impl<'p, T> Batch<'p, T> {
    /// Gathers nothing yet, from `pools`.
    #[must_use]
    pub const fn new(pools: &'p Pools<T>) -> Self {
        Self { pools, lists: NetBufferListQueue::new(pools), open: None, frames: 0 }
    }

    /// Adds a frame to the list of the frame before it, if there is one that can take it.
    ///
    /// # Errors
    ///
    /// - `Ok(Some(frame))`: there is none; the frame needs a list of its own.
    /// - [`Error::Resources`](crate::ndis::Error::Resources): the frame is dropped, and the list
    ///   is complete without it.
    pub fn join(&mut self, frame: Frame<'p>) -> Result<Option<Frame<'p>>> {
        let Some(list) = &mut self.open else { return Ok(Some(frame)) };
        let joined = list.push(frame);
        match joined {
            Ok(()) => self.frames = self.frames.saturating_add(1),
            Err(_) => self.close(),
        }
        joined.map(|()| None)
    }

    /// Starts a list with a frame; where `others_join`, others may follow it. With an `id`, the
    /// list can be cancelled by it.
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
        self.close();
        let mut list = if others_join {
            let mut list = self.pools.many_frames(ticket)?;
            list.push(frame)?;
            list
        } else {
            self.pools.one_frame(frame, ticket)?
        };
        if let Some(id) = id {
            list.set_cancel_id(id);
        }
        self.open = Some(list);
        self.frames = self.frames.saturating_add(1);
        if !others_join {
            self.close();
        }
        Ok(())
    }

    /// Frames gathered.
    #[must_use]
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// Completes the list that frames may join.
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
