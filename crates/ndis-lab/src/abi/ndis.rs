//! Structures of NDIS for filter drivers.

use super::Handle;
use super::handlers as h;
use super::handlers::Handler;
use super::kernel::UnicodeString;
use crate::guest::Guest;
use crate::status::NtStatus;

layout! {
    /// `NDIS_FILTER_DRIVER_CHARACTERISTICS`, revision 3
    FilterDriverCharacteristics(240, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        MAJOR_NDIS_VERSION: u8 = 4,
        MINOR_NDIS_VERSION: u8 = 5,
        FLAGS: u32 = 8,
        FRIENDLY_NAME: [u64; 2] = 16,
        UNIQUE_NAME: [u64; 2] = 32,
        SERVICE_NAME: [u64; 2] = 48,
        SET_OPTIONS: Handler<h::SetOptions> = 64,
        SET_MODULE_OPTIONS: Handler<h::SetModuleOptions> = 72,
        ATTACH: Handler<h::Attach> = 80,
        DETACH: Handler<h::Detach> = 88,
        RESTART: Handler<h::Restart> = 96,
        PAUSE: Handler<h::Pause> = 104,
        SEND: Handler<h::Send> = 112,
        SEND_COMPLETE: Handler<h::Complete> = 120,
        CANCEL_SEND: Handler<h::CancelId> = 128,
        RECEIVE: Handler<h::Receive> = 136,
        RETURN: Handler<h::Complete> = 144,
        OID_REQUEST: Handler<h::Oid> = 152,
        OID_REQUEST_COMPLETE: Handler<h::OidComplete> = 160,
        CANCEL_OID_REQUEST: Handler<h::CancelId> = 168,
        DEVICE_PNP_EVENT: Handler<h::DevicePnpEvent> = 176,
        NET_PNP_EVENT: Handler<h::NetPnpEvent> = 184,
        STATUS: Handler<h::Status> = 192,
        DIRECT_OID_REQUEST: Handler<h::Oid> = 200,
        DIRECT_OID_REQUEST_COMPLETE: Handler<h::OidComplete> = 208,
        CANCEL_DIRECT_OID_REQUEST: Handler<h::CancelId> = 216,
        SYNCHRONOUS_OID_REQUEST: Handler<h::SynchronousOid> = 224,
        SYNCHRONOUS_OID_REQUEST_COMPLETE: Handler<h::SynchronousOidComplete> = 232,
    }
    /// `NDIS_FILTER_PARTIAL_CHARACTERISTICS`
    FilterPartialCharacteristics(48, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        FLAGS: u32 = 4,
        SEND: Handler<h::Send> = 8,
        SEND_COMPLETE: Handler<h::Complete> = 16,
        CANCEL_SEND: Handler<h::CancelId> = 24,
        RECEIVE: Handler<h::Receive> = 32,
        RETURN: Handler<h::Complete> = 40,
    }
    /// `NDIS_FILTER_ATTACH_PARAMETERS`, revision 4
    FilterAttachParameters(224, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        IF_INDEX: u32 = 4,
        NET_LUID: u64 = 8,
        FILTER_MODULE_GUID_NAME: Guest<UnicodeString> = 16,
        BASE_MINIPORT_IF_INDEX: u32 = 24,
        BASE_MINIPORT_INSTANCE_NAME: Guest<UnicodeString> = 32,
        BASE_MINIPORT_NAME: Guest<UnicodeString> = 40,
        MEDIA_CONNECT_STATE: u32 = 48,
        MEDIA_DUPLEX_STATE: u32 = 52,
        XMIT_LINK_SPEED: u64 = 56,
        RCV_LINK_SPEED: u64 = 64,
        MINIPORT_MEDIA_TYPE: u32 = 72,
        MINIPORT_PHYSICAL_MEDIA_TYPE: u32 = 76,
        MAC_ADDRESS_LENGTH: u16 = 96,
        CURRENT_MAC_ADDRESS: [u8; 32] = 98,
        BASE_MINIPORT_NET_LUID: u64 = 136,
        LOWER_IF_INDEX: u32 = 144,
        LOWER_IF_NET_LUID: u64 = 152,
        FLAGS: u32 = 160,
        MINIPORT_PHYSICAL_DEVICE_OBJECT: Guest<u8> = 184,
        BASE_MINIPORT_IF_CONNECTOR_PRESENT: u8 = 200,
    }
    /// `NDIS_FILTER_ATTRIBUTES`
    FilterAttributes(8, 4) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        FLAGS: u32 = 4,
    }
    /// `NDIS_FILTER_RESTART_PARAMETERS`
    FilterRestartParameters(48, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        MINIPORT_MEDIA_TYPE: u32 = 4,
        MINIPORT_PHYSICAL_MEDIA_TYPE: u32 = 8,
        RESTART_ATTRIBUTES: Guest<RestartAttributesEntry> = 16,
        LOWER_IF_INDEX: u32 = 24,
        LOWER_IF_NET_LUID: u64 = 32,
        FLAGS: u32 = 40,
    }
    /// `NDIS_RESTART_ATTRIBUTES`; the data start at offset 16
    RestartAttributesEntry(32, 16) {
        NEXT: Guest<RestartAttributesEntry> = 0,
        OID: u32 = 8,
        DATA_LENGTH: u32 = 12,
        DATA: u8 = 16,
    }
    /// `NDIS_RESTART_GENERAL_ATTRIBUTES`, revision 2
    RestartGeneralAttributes(88, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        MTU_SIZE: u32 = 4,
        MAX_XMIT_LINK_SPEED: u64 = 8,
        MAX_RCV_LINK_SPEED: u64 = 16,
        LOOKAHEAD_SIZE: u32 = 24,
        MAC_OPTIONS: u32 = 28,
        SUPPORTED_PACKET_FILTERS: u32 = 32,
        MAX_MULTICAST_LIST_SIZE: u32 = 36,
        ACCESS_TYPE: u32 = 48,
        CONNECTION_TYPE: u32 = 56,
        DATA_BACK_FILL_SIZE: u32 = 64,
        CONTEXT_BACK_FILL_SIZE: u32 = 68,
        MAX_LOOKAHEAD_SIZE_ACCESSED: u32 = 84,
    }
    /// `NDIS_FILTER_PAUSE_PARAMETERS`
    FilterPauseParameters(12, 4) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        FLAGS: u32 = 4,
        PAUSE_REASON: u32 = 8,
    }
    /// `NDIS_OID_REQUEST`
    OidRequest(240, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        REQUEST_TYPE: u32 = 4,
        PORT_NUMBER: u32 = 8,
        TIMEOUT: u32 = 12,
        REQUEST_ID: Guest<u8> = 16,
        REQUEST_HANDLE: Handle = 24,
        OID: u32 = 32,
        BUFFER: Guest<u8> = 40,
        BUFFER_LENGTH: u32 = 48,
        BYTES_DONE: u32 = 52,
        BYTES_NEEDED: u32 = 56,
        METHOD_OUTPUT_LENGTH: u32 = 52,
        METHOD_BYTES_WRITTEN: u32 = 60,
        METHOD_BYTES_READ: u32 = 64,
        METHOD_BYTES_NEEDED: u32 = 68,
        SOURCE_RESERVED: [u64; 2] = 216,
        SUPPORTED_REVISION: u8 = 232,
    }
    /// `NDIS_STATUS_INDICATION`
    StatusIndication(112, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        SOURCE_HANDLE: Handle = 8,
        PORT_NUMBER: u32 = 16,
        STATUS_CODE: NtStatus = 20,
        FLAGS: u32 = 24,
        DESTINATION_HANDLE: Handle = 32,
        REQUEST_ID: Guest<u8> = 40,
        STATUS_BUFFER: Guest<u8> = 48,
        STATUS_BUFFER_SIZE: u32 = 56,
    }
    /// `NDIS_TIMER_CHARACTERISTICS`
    TimerCharacteristics(24, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        ALLOCATION_TAG: u32 = 4,
        TIMER_FUNCTION: Handler<h::TimerFunction> = 8,
        FUNCTION_CONTEXT: Guest<u8> = 16,
    }
    /// `NDIS_DEVICE_OBJECT_ATTRIBUTES`
    DeviceObjectAttributes(56, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        DEVICE_NAME: Guest<UnicodeString> = 8,
        SYMBOLIC_NAME: Guest<UnicodeString> = 16,
        MAJOR_FUNCTIONS: Guest<Handler<h::Dispatch>> = 24,
        EXTENSION_SIZE: u32 = 32,
        DEFAULT_SDDL: Guest<UnicodeString> = 40,
        DEVICE_CLASS_GUID: Guest<u8> = 48,
    }
    /// `NET_DEVICE_PNP_EVENT`
    DevicePnpEventNotification(48, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        PORT_NUMBER: u32 = 4,
        EVENT: u32 = 8,
        INFORMATION_BUFFER: Guest<u8> = 16,
        INFORMATION_BUFFER_LENGTH: u32 = 24,
    }
    /// `NET_PNP_EVENT_NOTIFICATION`
    NetPnpEventNotification(168, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        PORT_NUMBER: u32 = 4,
        EVENT: u32 = 8,
        EVENT_BUFFER: Guest<u8> = 16,
        EVENT_BUFFER_LENGTH: u32 = 24,
    }
}

/// Values of the `Type` of an object header.
pub mod object {
    /// Parameters of pools.
    pub const DEFAULT: u8 = 0x80;
    /// Attributes of a device object.
    pub const DEVICE_OBJECT_ATTRIBUTES: u8 = 0x85;
    /// What a filter driver registers with.
    pub const FILTER_DRIVER_CHARACTERISTICS: u8 = 0x8B;
    /// Handlers that may change while the driver runs.
    pub const FILTER_PARTIAL_CHARACTERISTICS: u8 = 0x8C;
    /// Attributes of a filter module.
    pub const FILTER_ATTRIBUTES: u8 = 0x8D;
    /// An OID request.
    pub const OID_REQUEST: u8 = 0x96;
    /// What a timer is made with.
    pub const TIMER_CHARACTERISTICS: u8 = 0x97;
    /// A status indication.
    pub const STATUS_INDICATION: u8 = 0x98;
    /// Parameters of FilterAttach.
    pub const FILTER_ATTACH_PARAMETERS: u8 = 0x99;
    /// Parameters of FilterPause.
    pub const FILTER_PAUSE_PARAMETERS: u8 = 0x9A;
    /// Parameters of FilterRestart.
    pub const FILTER_RESTART_PARAMETERS: u8 = 0x9B;
    /// A configuration object.
    pub const CONFIGURATION_OBJECT: u8 = 0xA9;
    /// The general restart attributes.
    pub const RESTART_GENERAL_ATTRIBUTES: u8 = 0xA2;
}

/// OID_GEN_MINIPORT_RESTART_ATTRIBUTES.
pub const OID_GEN_MINIPORT_RESTART_ATTRIBUTES: u32 = 0x0001_021D;
/// NDIS_PAUSE_NDIS_INTERNAL.
pub const PAUSE_NDIS_INTERNAL: u32 = 0x1;
/// NDIS_PAUSE_LOW_POWER.
pub const PAUSE_LOW_POWER: u32 = 0x2;
/// NDIS_PAUSE_DETACH_FILTER.
pub const PAUSE_DETACH_FILTER: u32 = 0x20;
/// NDIS_PAUSE_FILTER_RESTART_STACK.
pub const PAUSE_FILTER_RESTART_STACK: u32 = 0x40;
/// NDIS_PAUSE_MINIPORT_DEVICE_REMOVE.
pub const PAUSE_MINIPORT_DEVICE_REMOVE: u32 = 0x80;
