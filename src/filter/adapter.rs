//! Which adapter a module is on.

use crate::ndis::Attachment;
use protocol::NAME_UNITS;

/// `NdisPhysicalMediumWirelessLan` and `NdisPhysicalMediumNative802_11`.
const WIRELESS: [i32; 2] = [1, 9];

/// What an adapter is called, and its address.
pub struct Adapter {
    /// NET_LUID.
    pub luid: u64,
    /// Interface index.
    pub if_index: u32,
    /// NDIS_MEDIUM.
    pub medium: i32,
    /// Whether it is Wi-Fi, where what NDIS calls a tag may be a priority alone.
    pub is_wireless: bool,
    /// The link-layer address.
    pub mac_address: MacAddress,
    /// The GUID in braces.
    pub guid: Name,
    /// The friendly name.
    pub name: Name,
}

/// A link-layer address: the first `length` of the bytes.
#[derive(Clone, Copy)]
pub struct MacAddress {
    /// The address, then zeros.
    pub bytes: [u8; 32],
    /// How many bytes count: at most 32.
    pub length: u32,
}

/// A name in UTF-16, cut where the control interface has no more room.
#[derive(Clone, Copy)]
pub struct Name {
    /// The name, then zeros.
    pub units: [u16; NAME_UNITS],
    /// How many units count.
    pub length: u16,
}

impl Adapter {
    /// Reads what NDIS tells of an adapter.
    #[must_use]
    pub fn new(attachment: &Attachment<'_>) -> Self {
        Self {
            luid: attachment.luid(),
            if_index: attachment.if_index(),
            medium: attachment.medium(),
            is_wireless: WIRELESS.contains(&attachment.physical_medium()),
            mac_address: MacAddress::new(attachment.mac_address()),
            guid: Name::new(last_component(attachment.device_name())),
            name: Name::new(attachment.friendly_name()),
        }
    }
}

impl MacAddress {
    fn new((mut bytes, length): ([u8; 32], usize)) -> Self {
        for byte in bytes.iter_mut().skip(length) {
            *byte = 0;
        }
        Self { bytes, length: u32::try_from(length).unwrap_or_default() }
    }
}

impl Name {
    fn new(name: impl Iterator<Item = u16>) -> Self {
        let mut units = [0; NAME_UNITS];
        let mut length = 0_u16;
        for (place, unit) in units.iter_mut().zip(name) {
            *place = unit;
            length = length.saturating_add(1);
        }
        Self { units, length }
    }
}

/// What follows the last backslash of a device name.
fn last_component(name: impl Iterator<Item = u16> + Clone) -> impl Iterator<Item = u16> {
    const BACKSLASH: u16 = b'\\' as u16;
    let backslashes = name.clone().filter(|&unit| unit == BACKSLASH).count();
    let mut passed = 0_usize;
    name.filter(move |&unit| {
        let behind = passed == backslashes;
        passed = passed.saturating_add(usize::from(unit == BACKSLASH));
        behind
    })
}
