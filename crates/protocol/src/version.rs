use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The answer to [`Request::Version`](crate::Request::Version).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct VersionReply {
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the driver.
    pub protocol: u32,
    /// The driver's own version: major, minor, patch.
    pub driver: [u16; 3],
    /// The NDIS version that the driver registered with: major, minor.
    pub ndis: [u8; 2],
}
