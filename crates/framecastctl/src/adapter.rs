use protocol::{AdapterRecord, AdapterState};

/// One adapter that the driver is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapter {
    /// NET_LUID: how requests name it.
    pub luid: u64,
    /// Interface index.
    pub if_index: u32,
    /// NDIS_MEDIUM.
    pub media: u32,
    /// The largest payload of a frame, in bytes.
    pub mtu: u32,
    /// The largest frame without a VLAN tag, in bytes.
    pub max_frame: u32,
    /// The state; `None` for one that this program does not know.
    pub state: Option<AdapterState>,
    /// Bytes in front of a frame that the driver leaves for those below.
    pub data_backfill: u32,
    /// Bytes of list context that the driver leaves for those below.
    pub context_backfill: u32,
    /// Frame buffers.
    pub frame_buffers: u32,
    /// Frame buffers that are free now.
    pub frame_buffers_free: u32,
    /// How often the pools were made anew.
    pub pool_rebuilds: u32,
    /// NDIS pools.
    pub pools: u32,
    /// The link-layer address.
    pub mac_address: Vec<u8>,
    /// The GUID in braces.
    pub guid: String,
    /// The friendly name.
    pub name: String,
}

impl Adapter {
    /// The link-layer address, as text.
    #[must_use]
    pub fn address(&self) -> String {
        let bytes: Vec<_> = self.mac_address.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(":")
    }
}

impl From<&AdapterRecord> for Adapter {
    fn from(record: &AdapterRecord) -> Self {
        let text = |units: &[u16], count: u16| {
            String::from_utf16_lossy(units.get(..usize::from(count)).unwrap_or(units))
        };
        let address = record.mac_address.as_slice();
        let address = address.get(..record.mac_address_length as usize).unwrap_or(address);
        Self {
            luid: record.luid,
            if_index: record.if_index,
            media: record.media,
            mtu: record.mtu,
            max_frame: record.max_frame,
            state: AdapterState::from_number(record.state),
            data_backfill: record.data_backfill,
            context_backfill: record.context_backfill,
            frame_buffers: record.frame_buffers,
            frame_buffers_free: record.frame_buffers_free,
            pool_rebuilds: record.pool_rebuilds,
            pools: record.pools,
            mac_address: address.to_vec(),
            guid: text(&record.guid, record.guid_units),
            name: text(&record.name, record.name_units),
        }
    }
}
