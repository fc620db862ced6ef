//! Who owns what: every object that passed between the driver and the lab.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use crate::abi::Handle;
use crate::abi::nbl::{Mdl, NetBuffer, NetBufferList};
use crate::abi::ndis::OidRequest;
use crate::custody::Away;
use crate::grave::Graveyard;
use crate::guest::{Block, Guest};

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// The driver; 0 is the lab itself.
    pub(crate) driver: u32,
    /// The filter module, if the object was made with its handle.
    pub(crate) module: Handle,
}

impl Owner {
    /// The lab: the drivers above and below, and NDIS.
    pub(crate) const LAB: Self = Self { driver: 0, module: Handle::NULL };
}

/// What can be owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Nbl,
    Nb,
    NblPool,
    NbPool,
    Mdl,
    PoolBlock,
    OidClone,
    GenericObject,
    WorkItem,
    Timer,
    Device,
    SymbolicLink,
    Lookaside,
    Rundown,
    RwLock,
    Configuration,
    IoWorkItem,
    Thread,
    KernelHandle,
    Reference,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nbl => "NET_BUFFER_LIST",
            Self::Nb => "NET_BUFFER",
            Self::NblPool => "NET_BUFFER_LIST pool",
            Self::NbPool => "NET_BUFFER pool",
            Self::Mdl => "MDL",
            Self::PoolBlock => "pool memory",
            Self::OidClone => "clone OID request",
            Self::GenericObject => "generic object",
            Self::WorkItem => "work item",
            Self::Timer => "timer",
            Self::Device => "device object",
            Self::SymbolicLink => "symbolic link",
            Self::Lookaside => "lookaside list",
            Self::Rundown => "rundown protection",
            Self::RwLock => "read-write lock",
            Self::Configuration => "configuration handle",
            Self::IoWorkItem => "I/O work item",
            Self::Thread => "system thread",
            Self::KernelHandle => "kernel handle",
            Self::Reference => "object reference",
        })
    }
}

/// Who may touch a list now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The driver under test.
    Driver,
    /// NDIS, on the driver's behalf: it was sent or indicated and has not come back.
    Ndis,
    /// The lab's own drivers above or below.
    Lab,
    /// Nobody: it is in its pool.
    Free,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Driver => "held by the driver",
            Self::Ndis => "held by NDIS",
            Self::Lab => "held by another driver",
            Self::Free => "free",
        })
    }
}

/// Which way a list travels first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Towards the network.
    Send,
    /// Towards the protocols.
    Receive,
}

/// How a list was made, which says how it must be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// NdisAllocateNetBufferList or NdisAllocateNetBufferAndNetBufferList.
    Plain,
    /// NdisAllocateCloneNetBufferList with these flags.
    Clone(u32),
    /// NdisAllocateFragmentNetBufferList with this room in front.
    Fragment(u32),
    /// NdisAllocateReassembledNetBufferList with this room in front.
    Reassembled(u32),
}

/// A list's way through the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Journey {
    /// The filter module that it passes.
    pub(crate) module: Handle,
    pub(crate) direction: Direction,
    /// Whether the filter originated it.
    pub(crate) own: bool,
    /// Whether it is lent for the length of one call.
    pub(crate) resources: bool,
}

/// How the buffers of a list were when it was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) buffer: Guest<NetBuffer>,
    pub(crate) mdl_chain: Guest<Mdl>,
    pub(crate) data_offset: u32,
    pub(crate) data_length: u32,
}

/// A list.
#[derive(Debug)]
pub(crate) struct NblRecord {
    pub(crate) owner: Owner,
    pub(crate) pool: Handle,
    pub(crate) holder: Holder,
    pub(crate) made: Made,
    pub(crate) parent: Guest<NetBufferList>,
    pub(crate) journey: Option<Journey>,
    /// How many callbacks that brought it to the driver still run.
    pub(crate) in_call: u32,
    pub(crate) source: Handle,
    /// Its `Flags` when it came into the driver's hands.
    pub(crate) flags: u32,
    /// When it came into the driver's hands last.
    pub(crate) since: Duration,
    pub(crate) shape: Vec<Shape>,
    /// The buffer that came with it.
    pub(crate) paired: Guest<NetBuffer>,
    /// Context blocks that were added, newest last.
    pub(crate) contexts: Vec<Block>,
    pub(crate) site: u64,
}

/// A buffer that was allocated on its own.
#[derive(Debug)]
pub(crate) struct NbRecord {
    pub(crate) owner: Owner,
    pub(crate) pool: Handle,
    pub(crate) free: bool,
    pub(crate) site: u64,
}

/// What an MDL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MdlUse {
    /// NdisAllocateMdl.
    Ndis,
    /// IoAllocateMdl.
    Io,
    /// A retreat made it, with its data.
    Retreat,
    /// Made by NDIS with a buffer or a clone.
    Internal,
}

/// An MDL.
#[derive(Debug)]
pub(crate) struct MdlRecord {
    pub(crate) owner: Owner,
    pub(crate) purpose: MdlUse,
    pub(crate) site: u64,
    pub(crate) storage: Block,
}

/// A pool, of lists or of buffers.
#[derive(Debug)]
pub(crate) struct PoolRecord {
    pub(crate) kind: Kind,
    pub(crate) owner: Owner,
    pub(crate) allocate_net_buffer: bool,
    pub(crate) context_size: u16,
    pub(crate) data_size: u32,
    pub(crate) outstanding: u64,
    /// What was freed, ready to be used again.
    pub(crate) spare: Vec<Storage>,
    pub(crate) site: u64,
}

/// The memory of one list or buffer with what came with it.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) block: Block,
    pub(crate) context: Option<Block>,
}

/// Memory from ExAllocatePool and the like.
#[derive(Debug)]
pub(crate) struct BlockRecord {
    pub(crate) owner: Owner,
    pub(crate) tag: u32,
    /// Which family of functions frees it.
    pub(crate) from_ndis: bool,
    pub(crate) site: u64,
    pub(crate) block: Block,
}

/// A clone of an OID request.
#[derive(Debug)]
pub(crate) struct CloneRecord {
    pub(crate) owner: Owner,
    pub(crate) source: Handle,
    pub(crate) original: Guest<OidRequest>,
    pub(crate) holder: Holder,
    pub(crate) site: u64,
    #[expect(dead_code, reason = "keeps the clone alive")]
    pub(crate) block: Block,
}

/// Anything else with a handle.
#[derive(Debug)]
pub(crate) struct ObjectRecord {
    pub(crate) kind: Kind,
    pub(crate) owner: Owner,
    pub(crate) site: u64,
    pub(crate) block: Option<Block>,
}

/// Something that was not given back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remaining {
    pub(crate) kind: Kind,
    pub(crate) address: u64,
    pub(crate) site: u64,
}

/// Every object that the lab knows of.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) pools: HashMap<Handle, PoolRecord>,
    pub(crate) nbls: HashMap<u64, NblRecord>,
    pub(crate) nbl_storage: HashMap<u64, Storage>,
    /// How many lists in use were derived from a list.
    pub(crate) children: HashMap<u64, usize>,
    pub(crate) nbs: HashMap<u64, NbRecord>,
    pub(crate) nb_storage: HashMap<u64, Storage>,
    pub(crate) mdls: HashMap<u64, MdlRecord>,
    /// MDLs that a driver's own handler allocated for a retreat.
    pub(crate) handler_mdls: HashSet<u64>,
    pub(crate) blocks: BTreeMap<u64, BlockRecord>,
    pub(crate) clones: HashMap<u64, CloneRecord>,
    pub(crate) objects: HashMap<u64, ObjectRecord>,
    /// What is closed of lists that the driver does not hold, in guarded mode.
    pub(crate) away: HashMap<u64, Away>,
    /// What was freed last, in guarded mode.
    pub(crate) graves: Graveyard,
}

impl Ledger {
    /// Whatever is left of the objects that a condition selects, in a fixed order.
    pub(crate) fn remaining(&self, select: impl Fn(Kind, Owner) -> bool) -> Vec<Remaining> {
        let mut left = Vec::new();
        let mut add = |kind, owner, address, site| {
            if select(kind, owner) {
                left.push(Remaining { kind, address, site });
            }
        };
        for (&address, record) in &self.nbls {
            if record.holder != Holder::Free {
                add(Kind::Nbl, record.owner, address, record.site);
            }
        }
        for (&address, record) in &self.nbs {
            if !record.free {
                add(Kind::Nb, record.owner, address, record.site);
            }
        }
        for (&address, record) in &self.mdls {
            if matches!(record.purpose, MdlUse::Ndis | MdlUse::Io) {
                add(Kind::Mdl, record.owner, address, record.site);
            }
        }
        for (handle, record) in &self.pools {
            add(record.kind, record.owner, handle.0, record.site);
        }
        for (&address, record) in &self.blocks {
            add(Kind::PoolBlock, record.owner, address, record.site);
        }
        for (&address, record) in &self.clones {
            add(Kind::OidClone, record.owner, address, record.site);
        }
        for (&address, record) in &self.objects {
            add(record.kind, record.owner, address, record.site);
        }
        left.sort_by_key(|item| (item.kind as u8, item.address));
        left
    }

    /// The lists of a module that satisfy a condition.
    pub(crate) fn lists_of(
        &self,
        module: Handle,
        condition: impl Fn(&NblRecord, Journey) -> bool,
    ) -> Vec<Remaining> {
        let mut found: Vec<_> = self
            .nbls
            .iter()
            .filter(|(_, record)| {
                record
                    .journey
                    .is_some_and(|journey| journey.module == module && condition(record, journey))
            })
            .map(|(&address, record)| Remaining { kind: Kind::Nbl, address, site: record.site })
            .collect();
        found.sort_by_key(|item| item.address);
        found
    }
}

impl Ledger {
    /// Start and end of the block of pool memory that holds an address.
    pub(crate) fn block_around(&self, address: u64) -> Option<(u64, u64)> {
        let (&start, record) = self.blocks.range(..=address).next_back()?;
        let end = start + record.block.size() as u64;
        (address < end).then_some((start, end))
    }

    /// Everything in use that came from a pool.
    pub(crate) fn in_use_from(&self, pool: Handle) -> Vec<Remaining> {
        let lists = self
            .nbls
            .iter()
            .filter(|(_, record)| record.pool == pool && record.holder != Holder::Free);
        let buffers = self.nbs.iter().filter(|(_, record)| record.pool == pool && !record.free);
        let lists = lists.map(|(&address, record)| (Kind::Nbl, address, record.site));
        let buffers = buffers.map(|(&address, record)| (Kind::Nb, address, record.site));
        lists
            .chain(buffers)
            .map(|(kind, address, site)| Remaining { kind, address, site })
            .collect()
    }

    /// Makes the lab the owner of something that a driver left, so that it is reported once.
    ///
    /// Its memory stays, because the driver may still have its address.
    pub(crate) fn disown(&mut self, item: Remaining) {
        let Remaining { kind, address, .. } = item;
        let owner = match kind {
            Kind::Nbl => self.nbls.get_mut(&address).map(|record| {
                record.pool = Handle::NULL;
                &mut record.owner
            }),
            Kind::Nb => self.nbs.get_mut(&address).map(|record| {
                record.pool = Handle::NULL;
                &mut record.owner
            }),
            Kind::Mdl => self.mdls.get_mut(&address).map(|record| &mut record.owner),
            Kind::PoolBlock => self.blocks.get_mut(&address).map(|record| &mut record.owner),
            Kind::OidClone => self.clones.get_mut(&address).map(|record| &mut record.owner),
            Kind::NblPool | Kind::NbPool => {
                self.pools.get_mut(&Handle(address)).map(|record| &mut record.owner)
            }
            _ => self.objects.get_mut(&address).map(|record| &mut record.owner),
        };
        if let Some(owner) = owner {
            *owner = Owner::LAB;
        }
    }
}
