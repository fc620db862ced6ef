//! What an adapter under test is like.

/// An adapter: the miniport below a filter, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterConfig {
    /// The adapter's name; its device is `\Device\{name}`.
    pub name: String,
    /// What people call the adapter: its instance name.
    pub friendly_name: String,
    /// The network interface's locally unique identifier (NET_LUID).
    pub luid: u64,
    /// The network interface's index.
    pub if_index: u32,
    /// The MAC address.
    pub mac: [u8; 6],
    /// The largest payload of a frame, without the Ethernet header.
    pub mtu: u32,
    /// Bits per second, both ways.
    pub link_speed: u64,
    /// NDIS_MEDIUM; 0 is Ethernet.
    pub medium: u32,
    /// NDIS_PHYSICAL_MEDIUM; 14 is Ethernet.
    pub physical_medium: u32,
    /// Whether a cable is in.
    pub connected: bool,
    /// The room that the drivers below want in front of a frame's data.
    pub data_backfill: u32,
    /// The room that they want in a list's context.
    pub context_backfill: u32,
    /// Whether NDIS pauses the stack before the adapter sleeps; it does not if the miniport says
    /// NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND.
    pub pauses_on_suspend: bool,
}

impl Default for AdapterConfig {
    fn default() -> Self {
        Self {
            name: "{8C2F15F4-3B0E-4A35-9B1F-6F1E0A000001}".to_owned(),
            friendly_name: "Lab Ethernet Adapter".to_owned(),
            luid: 0x0006_0000_0100_0000,
            if_index: 7,
            mac: [0x02, 0x00, 0x5E, 0x10, 0x00, 0x01],
            mtu: 1500,
            link_speed: 1_000_000_000,
            medium: 0,
            physical_medium: 14,
            connected: true,
            data_backfill: 0,
            context_backfill: 0,
            pauses_on_suspend: true,
        }
    }
}

impl AdapterConfig {
    /// An adapter unlike others: a number from 1 sets name, identifier, index and MAC address.
    #[must_use]
    pub fn numbered(number: u8) -> Self {
        let base = Self::default();
        Self {
            name: format!("{{8C2F15F4-3B0E-4A35-9B1F-6F1E0A0000{number:02X}}}"),
            luid: 0x0006_0000_0000_0000 | u64::from(number) << 24,
            if_index: 6 + u32::from(number),
            mac: [0x02, 0x00, 0x5E, 0x10, 0x00, number],
            ..base
        }
    }

    /// The same adapter with drivers below that want this much room.
    #[must_use]
    pub fn with_backfill(self, data: u32, context: u32) -> Self {
        Self { data_backfill: data, context_backfill: context, ..self }
    }
}
