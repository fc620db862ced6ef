use etherparse::{EtherType, Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use crate::Tag;

/// The link-layer header of an Ethernet frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Tags, 802.1Q and 802.1ad.
    pub(crate) tags: usize,
    /// What the payload is.
    pub(crate) ether_type: EtherType,
    /// Where the payload starts.
    pub(crate) payload: usize,
}

impl Link {
    /// Finds the end of the link-layer header; none where `header` ends before.
    pub(crate) fn parse(header: &[u8]) -> Option<Self> {
        let ethernet = Ethernet2HeaderSlice::from_slice(header).ok()?;
        let payload = ethernet.slice().len();
        let mut link = Self { tags: 0, ether_type: ethernet.ether_type(), payload };
        while is_tag(link.ether_type) {
            let tag = SingleVlanHeaderSlice::from_slice(header.get(link.payload..)?).ok()?;
            link.tags = link.tags.checked_add(1)?;
            link.ether_type = tag.ether_type();
            link.payload = link.payload.checked_add(tag.slice().len())?;
        }
        Some(link)
    }

    /// Bytes that its tags take.
    pub(crate) const fn tag_bytes(self) -> usize {
        self.tags.saturating_mul(Tag::LEN)
    }
}

const fn is_tag(ether_type: EtherType) -> bool {
    matches!(
        ether_type,
        EtherType::VLAN_TAGGED_FRAME
            | EtherType::PROVIDER_BRIDGING
            | EtherType::VLAN_DOUBLE_TAGGED_FRAME
    )
}
