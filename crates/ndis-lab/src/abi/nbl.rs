//! NET_BUFFER_LIST, NET_BUFFER, MDL and the parameters of their pools.

use super::Handle;
use crate::guest::Guest;
use crate::status::NtStatus;

layout! {
    /// `NDIS_OBJECT_HEADER`
    ObjectHeader(4, 2) {
        TYPE: u8 = 0,
        REVISION: u8 = 1,
        SIZE_FIELD: u16 = 2,
    }
    /// `NET_BUFFER_LIST` as a driver for NDIS 6.87 knows it; older ones see a shorter list of
    /// out-of-band information
    NetBufferList(368, 16) {
        NEXT: Guest<NetBufferList> = 0,
        FIRST_NET_BUFFER: Guest<NetBuffer> = 8,
        CONTEXT: Guest<NetBufferListContext> = 16,
        PARENT: Guest<NetBufferList> = 24,
        POOL_HANDLE: Handle = 32,
        NDIS_RESERVED: [u64; 2] = 48,
        PROTOCOL_RESERVED: [u64; 4] = 64,
        MINIPORT_RESERVED: [u64; 2] = 96,
        SCRATCH: u64 = 112,
        SOURCE_HANDLE: Handle = 120,
        NBL_FLAGS: u32 = 128,
        CHILD_REF_COUNT: i32 = 132,
        FLAGS: u32 = 136,
        STATUS: NtStatus = 140,
        INFORMATION: [u64; 28] = 144,
    }
    /// `NET_BUFFER_LIST_CONTEXT`; its data follow
    NetBufferListContext(16, 16) {
        NEXT: Guest<NetBufferListContext> = 0,
        SIZE_FIELD: u16 = 8,
        OFFSET: u16 = 10,
    }
    /// `NET_BUFFER`
    NetBuffer(176, 16) {
        NEXT: Guest<NetBuffer> = 0,
        CURRENT_MDL: Guest<Mdl> = 8,
        CURRENT_MDL_OFFSET: u32 = 16,
        DATA_LENGTH: u32 = 24,
        MDL_CHAIN: Guest<Mdl> = 32,
        DATA_OFFSET: u32 = 40,
        CHECKSUM_BIAS: u16 = 48,
        POOL_HANDLE: Handle = 56,
    }
    /// `MDL`; the numbers of its pages follow, if its size says so
    Mdl(48, 8) {
        NEXT: Guest<Mdl> = 0,
        SIZE_FIELD: i16 = 8,
        MDL_FLAGS: i16 = 10,
        PROCESS: u64 = 16,
        MAPPED_SYSTEM_VA: Guest<u8> = 24,
        START_VA: Guest<u8> = 32,
        BYTE_COUNT: u32 = 40,
        BYTE_OFFSET: u32 = 44,
    }
    /// `NET_BUFFER_LIST_POOL_PARAMETERS`
    NblPoolParameters(16, 4) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        PROTOCOL_ID: u8 = 4,
        ALLOCATE_NET_BUFFER: u8 = 5,
        CONTEXT_SIZE: u16 = 6,
        POOL_TAG: u32 = 8,
        DATA_SIZE: u32 = 12,
    }
    /// `NET_BUFFER_POOL_PARAMETERS`
    NbPoolParameters(12, 4) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        POOL_TAG: u32 = 4,
        DATA_SIZE: u32 = 8,
    }
}

/// MDL_MAPPED_TO_SYSTEM_VA.
pub const MDL_MAPPED_TO_SYSTEM_VA: i16 = 0x1;
/// MDL_PAGES_LOCKED.
pub const MDL_PAGES_LOCKED: i16 = 0x2;
/// MDL_SOURCE_IS_NONPAGED_POOL.
pub const MDL_SOURCE_IS_NONPAGED_POOL: i16 = 0x4;
/// MDL_PARTIAL.
pub const MDL_PARTIAL: i16 = 0x10;

/// Indices of out-of-band information.
pub mod information {
    /// `TcpIpChecksumNetBufferListInfo`
    pub const CHECKSUM: usize = 0;
    /// `TcpLargeSendNetBufferListInfo`
    pub const LARGE_SEND: usize = 2;
    /// `Ieee8021QNetBufferListInfo`
    pub const IEEE_8021Q: usize = 4;
    /// `NetBufferListCancelId`
    pub const CANCEL_ID: usize = 5;
    /// `MediaSpecificInformation`
    pub const MEDIA_SPECIFIC: usize = 6;
    /// `NetBufferListFrameType`
    pub const FRAME_TYPE: usize = 7;
    /// `NetBufferListHashValue`
    pub const HASH_VALUE: usize = 8;
    /// `NetBufferListHashInfo`
    pub const HASH_INFO: usize = 9;
    /// `TcpRecvSegCoalesceInfo`
    pub const RECEIVE_COALESCED: usize = 22;
    /// `UdpSegmentationOffloadInfo`, which is the same place on the other way
    pub const UDP_SEGMENTATION: usize = 22;
    /// `TcpSendOffloadsSupplementalNetBufferListInfo`
    pub const SUPPLEMENTAL: usize = 23;
}

/// NDIS_SEND_FLAGS_DISPATCH_LEVEL, and the same bit of every other set of flags.
pub const FLAG_DISPATCH_LEVEL: u32 = 0x1;
/// NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK.
pub const SEND_CHECK_FOR_LOOPBACK: u32 = 0x2;
/// NDIS_RECEIVE_FLAGS_RESOURCES.
pub const RECEIVE_RESOURCES: u32 = 0x2;
/// Every bit that `SendFlags` has.
pub const SEND_FLAGS: u32 = 0x37;
/// Every bit that the flags of completions and returns have.
pub const COMPLETE_FLAGS: u32 = 0x7;
/// Every bit that `ReceiveFlags` has.
pub const RECEIVE_FLAGS: u32 = 0xFF03;
/// The `NblFlags` that whoever holds a list may use: NDIS_NBL_FLAGS_*.
pub const NBL_FLAGS_IS_IPV4: u32 = 0x200;
/// NDIS_NBL_FLAGS_SEND_READ_ONLY.
pub const NBL_SEND_READ_ONLY: u32 = 0x1;
/// NDIS_NBL_FLAGS_RECV_READ_ONLY.
pub const NBL_RECV_READ_ONLY: u32 = 0x2;
/// NDIS_NBL_FLAGS_HD_SPLIT.
pub const NBL_HEADER_SPLIT: u32 = 0x100;
/// NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET.
pub const NBL_IS_LOOPBACK: u32 = 0x8000;
/// NBL_FLAGS_SCRATCH: the bits of `Flags` that whoever owns a list may use.
pub const FLAGS_SCRATCH: u32 = 0xF_0000;
/// NBL_FLAGS_NDIS_RESERVED: the bits of `Flags` that are NDIS' alone.
pub const FLAGS_NDIS: u32 = 0xFFC;
