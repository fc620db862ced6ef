//! Lists that the lab's own drivers originate.

use crate::abi::Handle;
use crate::abi::nbl::{
    Mdl, NBL_RECV_READ_ONLY, NBL_SEND_READ_ONLY, NetBuffer, NetBufferList, NetBufferListContext,
};
use crate::frame::{NbSpec, NblSpec};
use crate::guest::{Block, Guest};
use crate::machine::Machine;
use crate::mdl;
use crate::ndis::chain;
use crate::rule::Rule;

/// A list of the lab, with all of its memory.
#[derive(Debug)]
pub(crate) struct LabList {
    pub(crate) list: Guest<NetBufferList>,
    pub(crate) number: u64,
    frames: Vec<Vec<u8>>,
    nbl_flags: u32,
    _blocks: Vec<Block>,
}

/// Context space that NDIS keeps for the filters of a stack.
const CONTEXT: usize = 256;

impl LabList {
    /// Makes a list; `source` is its originator and `pool` where it says that it is from.
    pub(crate) fn new(
        machine: &Machine,
        spec: &NblSpec,
        source: Handle,
        pool: Handle,
        number: u64,
    ) -> Self {
        let list_block = machine.block(NetBufferList::SIZE);
        let list = list_block.guest::<NetBufferList>();
        let context_block = machine.block(NetBufferListContext::SIZE + CONTEXT);
        let context = context_block.guest::<NetBufferListContext>();
        context.set(NetBufferListContext::SIZE_FIELD, 256);
        context.set(NetBufferListContext::OFFSET, 256);
        list.set(NetBufferList::CONTEXT, context);
        list.set(NetBufferList::SOURCE_HANDLE, source);
        list.set(NetBufferList::POOL_HANDLE, pool);
        list.set(NetBufferList::NBL_FLAGS, spec.nbl_flags);
        let information = list.field(NetBufferList::INFORMATION).cast::<u64>();
        for &(index, value) in &spec.information {
            information.index(index as u64).write(value);
        }
        let mut blocks = vec![list_block, context_block];
        let mut previous: Guest<NetBuffer> = Guest::NULL;
        for buffer_spec in &spec.buffers {
            let buffer = make_buffer(machine, buffer_spec, pool, &mut blocks);
            if previous.is_null() {
                list.set(NetBufferList::FIRST_NET_BUFFER, buffer);
            } else {
                previous.set(NetBuffer::NEXT, buffer);
            }
            previous = buffer;
        }
        let frames = spec.buffers.iter().map(|buffer| buffer.bytes.clone()).collect();
        Self { list, number, frames, nbl_flags: spec.nbl_flags, _blocks: blocks }
    }

    /// What the owner of a list does when it is home: unlocks the pages of its MDLs, which ends
    /// every mapping that other drivers asked for.
    pub(crate) fn unlock(&self) {
        for buffer in chain::buffers(self.list) {
            chain::mdls(buffer.get(NetBuffer::MDL_CHAIN)).into_iter().for_each(mdl::unlock);
        }
    }

    /// C17, C34: the frames are as they were made; if the list said that they are not to be
    /// written to, that is the rule.
    pub(crate) fn check_intact(&self, machine: &Machine, what: &str) {
        let frames = chain::buffers(self.list).into_iter().map(chain::bytes);
        if frames.eq(self.frames.iter().cloned()) {
            return;
        }
        let read_only = self.nbl_flags & (NBL_SEND_READ_ONLY | NBL_RECV_READ_ONLY) != 0;
        let (rule, how) = if read_only {
            (Rule::ReadOnlyData, "written to, although it is read-only")
        } else {
            (Rule::ChainAltered, "altered")
        };
        let object = format!("NET_BUFFER_LIST {:?}", self.list);
        machine.violate(rule, 0, format!("{what} came back {how}"), vec![object]);
    }
}

fn make_buffer(
    machine: &Machine,
    spec: &NbSpec,
    pool: Handle,
    blocks: &mut Vec<Block>,
) -> Guest<NetBuffer> {
    let block = machine.block(NetBuffer::SIZE);
    let buffer = block.guest::<NetBuffer>();
    blocks.push(block);
    let elsewhere: usize = spec.memory.iter().map(|&(_, length)| length).sum();
    let mut rest = &spec.bytes[..spec.bytes.len().saturating_sub(elsewhere)];
    let mut parts = Vec::new();
    for &length in &spec.splits {
        let (part, after) = rest.split_at(length.min(rest.len()));
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() || (parts.is_empty() && spec.memory.is_empty()) {
        parts.push(rest);
    }
    let last = parts.len().saturating_sub(1);
    let mut chain = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let front = if index == 0 { spec.offset } else { 0 };
        let behind = if index == last { spec.tail } else { 0 };
        chain.push(make_mdl(machine, part, front, behind, spec.unmapped, blocks));
    }
    for &(start, length) in &spec.memory {
        let block = machine.block(Mdl::SIZE);
        mdl::describe(block.guest(), start, u32::try_from(length).unwrap_or(u32::MAX));
        chain.push(block.guest::<Mdl>());
        blocks.push(block);
    }
    for pair in chain.windows(2) {
        pair[0].set(Mdl::NEXT, pair[1]);
    }
    buffer.set(NetBuffer::MDL_CHAIN, chain.first().copied().unwrap_or_default());
    buffer.set(NetBuffer::DATA_OFFSET, u32::try_from(spec.offset).unwrap_or(u32::MAX));
    buffer.set(NetBuffer::DATA_LENGTH, u32::try_from(spec.bytes.len()).unwrap_or(u32::MAX));
    buffer.set(NetBuffer::POOL_HANDLE, pool);
    chain::adjust_current(buffer);
    buffer
}

fn make_mdl(
    machine: &Machine,
    part: &[u8],
    front: usize,
    behind: usize,
    unmapped: bool,
    blocks: &mut Vec<Block>,
) -> Guest<Mdl> {
    let size = front + part.len() + behind;
    let data = machine.block(size);
    data.guest::<u8>().byte_add(front as u64).write_bytes(part);
    let block = if unmapped {
        mdl::unmapped(|size| machine.block(size), &data)
    } else {
        let block = machine.block(Mdl::SIZE);
        mdl::describe(block.guest(), data.guest(), u32::try_from(size).unwrap_or(u32::MAX));
        block
    };
    let mdl = block.guest::<Mdl>();
    blocks.push(block);
    blocks.push(data);
    mdl
}
