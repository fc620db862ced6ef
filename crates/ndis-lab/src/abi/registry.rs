//! Structures of configuration: NDIS' view of it, and the registry's.

use super::Handle;
use super::kernel::UnicodeString;
use crate::guest::Guest;

layout! {
    /// `NDIS_CONFIGURATION_OBJECT`
    ConfigurationObject(24, 8) {
        HEADER_TYPE: u8 = 0,
        HEADER_REVISION: u8 = 1,
        HEADER_SIZE: u16 = 2,
        NDIS_HANDLE: Handle = 8,
        FLAGS: u32 = 16,
    }
    /// `NDIS_CONFIGURATION_PARAMETER`
    ConfigurationParameter(24, 8) {
        PARAMETER_TYPE: u32 = 0,
        INTEGER: u32 = 8,
        STRING: [u64; 2] = 8,
        LENGTH: u16 = 8,
        BUFFER: Guest<u8> = 16,
    }
    /// `OBJECT_ATTRIBUTES`
    ObjectAttributes(48, 8) {
        LENGTH: u32 = 0,
        ROOT_DIRECTORY: Handle = 8,
        OBJECT_NAME: Guest<UnicodeString> = 16,
        ATTRIBUTES: u32 = 24,
    }
}

/// NdisParameterInteger.
pub const PARAMETER_INTEGER: u32 = 0;
/// NdisParameterHexInteger.
pub const PARAMETER_HEX_INTEGER: u32 = 1;
/// NdisParameterString.
pub const PARAMETER_STRING: u32 = 2;
/// NdisParameterMultiString.
pub const PARAMETER_MULTI_STRING: u32 = 3;
/// NdisParameterBinary.
pub const PARAMETER_BINARY: u32 = 4;
