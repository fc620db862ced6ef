//! An adapter that stands on another: what it sends, the other's stack sends.

use std::sync::{Arc, Weak};

use crate::abi::nbl::NetBuffer;
use crate::frame::{NbSpec, NblSpec};
use crate::guard::Lent;
use crate::machine::Machine;
use crate::ndis::adapter::Arrival;
use crate::ndis::module::Module;
use crate::ndis::{chain, protocol};
use crate::sync::lock;

/// How an adapter hands frames to the one that it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handover {
    /// In lists of its own over the same memory, behind a header of so many bytes in memory of its
    /// own.
    Shared {
        /// Bytes of the header; with none, the frame is as it was.
        header: usize,
    },
    /// As copies, with a byte more each time.
    Grown,
}

/// The adapter below.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    below: Weak<Module>,
    handover: Handover,
}

impl Base {
    pub(crate) fn new(below: &Arc<Module>, handover: Handover) -> Self {
        Self { below: Arc::downgrade(below), handover }
    }
}

/// Has the adapter below send what has arrived, within this call.
pub(crate) fn pass_down(machine: &Arc<Machine>, module: &Arc<Module>, arrival: &Arrival) {
    let Some(Base { below, handover }) = lock(&module.lower).base.clone() else { return };
    let Some(below) = below.upgrade() else { return };
    let mut lists = Vec::new();
    for &(list, _) in &arrival.lists {
        lists.push(NblSpec::many(chain::buffers(list).into_iter().map(|it| spec(it, handover))));
    }
    // What goes down again is the driver's to look at, in the lists that bring it.
    let memory = lists.iter().flat_map(|list| &list.buffers).flat_map(|buffer| &buffer.memory);
    let parts = memory.map(|&(start, length)| (start.address(), start.address() + length as u64));
    let lent = Lent::new(parts.collect());
    protocol::send(machine, &below, lists, 0);
    drop(lent);
}

fn spec(buffer: crate::guest::Guest<NetBuffer>, handover: Handover) -> NbSpec {
    let bytes = chain::bytes(buffer);
    match handover {
        Handover::Grown => NbSpec::new([bytes.as_slice(), &[0]].concat()),
        Handover::Shared { header } => {
            let length = buffer.get(NetBuffer::DATA_LENGTH);
            let memory = chain::pieces(buffer, 0, length.into()).into_iter().collect();
            let header = vec![0xEE; header];
            NbSpec { memory, ..NbSpec::new([header, bytes].concat()) }
        }
    }
}
