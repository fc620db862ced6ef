/// The EtherType of an 802.1Q tag.
const TAG_PROTOCOL: u16 = 0x8100;

/// An 802.1Q tag's control information: priority, drop eligible indicator, VLAN identifier.
///
/// Zero is a tag too: priority 0 in no VLAN. Whether there is one at all is for [`Option`] to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tag(pub u16);

impl Tag {
    /// Bytes of a tag in a frame.
    pub const LEN: usize = 4;

    /// The tag with these fields, each cut to its 3, 1 and 12 bits.
    ///
    /// They are those of
    /// [NDIS_NET_BUFFER_LIST_8021Q_INFO](https://learn.microsoft.com/windows-hardware/drivers/ddi/nbl8021q/ns-nbl8021q-ndis_net_buffer_list_8021q_info),
    /// whose CanonicalFormatId is the bit that is the drop eligible indicator today.
    #[must_use]
    pub const fn new(priority: u8, drop_eligible: bool, vlan: u16) -> Self {
        Self(((priority as u16 & 7) << 13) | ((drop_eligible as u16) << 12) | (vlan & 0xFFF))
    }

    /// The tag as it stands in a frame, behind the addresses.
    #[must_use]
    pub(crate) const fn bytes(self) -> [u8; Self::LEN] {
        let ([protocol, of_protocol], [control, of_control]) =
            (TAG_PROTOCOL.to_be_bytes(), self.0.to_be_bytes());
        [protocol, of_protocol, control, of_control]
    }
}
