//! The attributes that NDIS tells a filter module when it restarts.

use crate::abi::ndis::{
    OID_GEN_MINIPORT_RESTART_ATTRIBUTES, RestartAttributesEntry, RestartGeneralAttributes, object,
};
use crate::adapter_config::AdapterConfig;
use crate::guest::{Block, Guest};

/// A list of restart attributes, with everything about it that NDIS is free to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartAttributes {
    present: bool,
    general: Option<GeneralAttributes>,
    link_speed: u64,
    revision: u8,
    data_length: Option<u32>,
    header_size: Option<u16>,
    header_type: u8,
    unknown_before: usize,
    unknown_after: usize,
}

/// The general attributes that matter to buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralAttributes {
    /// The largest payload of a frame.
    pub mtu: u32,
    /// `DataBackFillSize`
    pub data_backfill: u32,
    /// `ContextBackFillSize`
    pub context_backfill: u32,
}

impl RestartAttributes {
    /// What the drivers below an adapter's filter declare.
    #[must_use]
    pub fn of(config: &AdapterConfig) -> Self {
        let general = GeneralAttributes {
            mtu: config.mtu,
            data_backfill: config.data_backfill,
            context_backfill: config.context_backfill,
        };
        Self {
            present: true,
            general: Some(general),
            link_speed: config.link_speed,
            revision: 2,
            data_length: None,
            header_size: None,
            header_type: object::RESTART_GENERAL_ATTRIBUTES,
            unknown_before: 0,
            unknown_after: 0,
        }
    }

    /// No list at all: NDIS has nothing to tell.
    #[must_use]
    pub fn null() -> Self {
        Self { present: false, general: None, ..Self::of(&AdapterConfig::default()) }
    }

    /// A list with only entries that no filter knows.
    #[must_use]
    pub fn unknown_only() -> Self {
        Self { general: None, unknown_before: 1, ..Self::of(&AdapterConfig::default()) }
    }

    /// Other sizes for the room below.
    #[must_use]
    pub fn backfill(mut self, data: u32, context: u32) -> Self {
        if let Some(general) = &mut self.general {
            general.data_backfill = data;
            general.context_backfill = context;
        }
        self
    }

    /// Another MTU.
    #[must_use]
    pub fn mtu(mut self, mtu: u32) -> Self {
        if let Some(general) = &mut self.general {
            general.mtu = mtu;
        }
        self
    }

    /// The general attributes in this revision: 1 is shorter than 2.
    #[must_use]
    pub fn revision(self, revision: u8) -> Self {
        Self { revision, ..self }
    }

    /// Another `DataLength` than the general attributes need; shorter ones are cut off.
    #[must_use]
    pub fn data_length(self, length: u32) -> Self {
        Self { data_length: Some(length), ..self }
    }

    /// Another `Header.Size` than the revision has.
    #[must_use]
    pub fn header_size(self, size: u16) -> Self {
        Self { header_size: Some(size), ..self }
    }

    /// Another `Header.Type` than general attributes have.
    #[must_use]
    pub fn header_type(self, header_type: u8) -> Self {
        Self { header_type, ..self }
    }

    /// Entries that no filter knows, in front of the general one.
    #[must_use]
    pub fn unknown_before(self, count: usize) -> Self {
        Self { unknown_before: count, ..self }
    }

    /// Entries that no filter knows, behind the general one.
    #[must_use]
    pub fn unknown_after(self, count: usize) -> Self {
        Self { unknown_after: count, ..self }
    }

    /// What a filter can learn from the list: nothing if it is absent or too short.
    pub(crate) fn told(&self) -> Option<GeneralAttributes> {
        let length = self.data_length.unwrap_or(self.general_size().into());
        let size = u32::from(self.header_size.unwrap_or(self.general_size()));
        let whole = length >= 84 && size >= 84;
        let named = self.header_type == object::RESTART_GENERAL_ATTRIBUTES;
        self.general.filter(|_| self.present && whole && named)
    }

    fn general_size(&self) -> u16 {
        if self.revision >= 2 { 88 } else { 84 }
    }

    /// Lays the list out in memory that the driver can read.
    pub(crate) fn lay_out(&self) -> AttributeList {
        let mut entries = Vec::new();
        if self.present {
            entries.extend((0..self.unknown_before).map(unknown_entry));
            entries.extend(self.general.map(|general| self.general_entry(general)));
            entries.extend((0..self.unknown_after).map(|n| unknown_entry(0x40 + n)));
        }
        for pair in entries.windows(2) {
            let [this, next] = pair else { continue };
            this.guest::<RestartAttributesEntry>().set(RestartAttributesEntry::NEXT, next.guest());
        }
        let before = entries.iter().map(bytes_of).collect();
        AttributeList { entries, before }
    }

    fn general_entry(&self, general: GeneralAttributes) -> Block {
        type General = RestartGeneralAttributes;
        let length = self.data_length.unwrap_or(self.general_size().into());
        // The block ends with the data, so that a read beyond DataLength faults.
        let block = Block::guarded(entry_size(length));
        let entry = header(&block, OID_GEN_MINIPORT_RESTART_ATTRIBUTES, length);
        let full = Block::zeroed(General::SIZE);
        let data = full.guest::<General>();
        data.set(General::HEADER_TYPE, self.header_type);
        data.set(General::HEADER_REVISION, self.revision);
        data.set(General::HEADER_SIZE, self.header_size.unwrap_or(self.general_size()));
        data.set(General::MTU_SIZE, general.mtu);
        data.set(General::MAX_XMIT_LINK_SPEED, self.link_speed);
        data.set(General::MAX_RCV_LINK_SPEED, self.link_speed);
        data.set(General::LOOKAHEAD_SIZE, general.mtu);
        data.set(General::SUPPORTED_PACKET_FILTERS, 0x2F);
        data.set(General::MAX_MULTICAST_LIST_SIZE, 32);
        data.set(General::ACCESS_TYPE, 2);
        data.set(General::CONNECTION_TYPE, 1);
        data.set(General::DATA_BACK_FILL_SIZE, general.data_backfill);
        data.set(General::CONTEXT_BACK_FILL_SIZE, general.context_backfill);
        let copied = usize::min(length as usize, General::SIZE);
        entry.field(RestartAttributesEntry::DATA).copy_from(full.guest(), copied);
        block
    }
}

fn entry_size(data_length: u32) -> usize {
    const DATA: usize = 16;
    DATA + data_length as usize
}

fn header(block: &Block, oid: u32, data_length: u32) -> Guest<RestartAttributesEntry> {
    let entry = block.guest::<RestartAttributesEntry>();
    entry.set(RestartAttributesEntry::OID, oid);
    entry.set(RestartAttributesEntry::DATA_LENGTH, data_length);
    entry
}

fn unknown_entry(number: usize) -> Block {
    const LENGTH: u32 = 24;
    const PRIVATE_OID: u32 = 0xFF77_0000;
    let block = Block::guarded(entry_size(LENGTH));
    let oid = PRIVATE_OID | u32::try_from(number).unwrap_or(u32::MAX) & 0xFFFF;
    let entry = header(&block, oid, LENGTH);
    entry.field(RestartAttributesEntry::DATA).fill(0xA5, LENGTH as usize);
    block
}

fn bytes_of(block: &Block) -> Vec<u8> {
    block.guest::<u8>().read_bytes(block.size())
}

/// A list of attributes in the driver's reach.
#[derive(Debug)]
pub(crate) struct AttributeList {
    entries: Vec<Block>,
    before: Vec<Vec<u8>>,
}

impl AttributeList {
    /// The first entry, or null.
    pub(crate) fn first(&self) -> Guest<RestartAttributesEntry> {
        self.entries.first().map_or(Guest::NULL, Block::guest)
    }

    fn is_general(block: &Block) -> bool {
        let oid = block.guest::<RestartAttributesEntry>().get(RestartAttributesEntry::OID);
        oid == OID_GEN_MINIPORT_RESTART_ATTRIBUTES
    }

    /// The entries that a filter changed against the rules: any but the general one, and after
    /// a failed restart any at all. New entries may be linked in, so links are not compared.
    pub(crate) fn wrongly_changed(&self, restarted: bool) -> Vec<usize> {
        const OID_FIELD: usize = 8;
        self.entries
            .iter()
            .zip(&self.before)
            .enumerate()
            .filter(|(_, (block, before))| {
                let may_change = restarted && Self::is_general(block);
                !may_change && bytes_of(block)[OID_FIELD..] != before[OID_FIELD..]
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether the general attributes are not what they were.
    pub(crate) fn general_changed(&self) -> bool {
        let mut both = self.entries.iter().zip(&self.before);
        both.any(|(block, before)| Self::is_general(block) && bytes_of(block) != *before)
    }

    /// What the drivers above the filter are told.
    pub(crate) fn general(&self) -> Option<GeneralAttributes> {
        let block = self.entries.iter().find(|block| Self::is_general(block))?;
        let entry = block.guest::<RestartAttributesEntry>();
        if entry.get(RestartAttributesEntry::DATA_LENGTH) < 84 {
            return None;
        }
        let data = entry.field(RestartAttributesEntry::DATA).cast::<RestartGeneralAttributes>();
        Some(GeneralAttributes {
            mtu: data.get(RestartGeneralAttributes::MTU_SIZE),
            data_backfill: data.get(RestartGeneralAttributes::DATA_BACK_FILL_SIZE),
            context_backfill: data.get(RestartGeneralAttributes::CONTEXT_BACK_FILL_SIZE),
        })
    }
}
