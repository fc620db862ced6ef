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

/// `NDIS_CONFIGURATION_OBJECT` once more, as ndis.h declares it: header, handle, flags, aligned as C
/// aligns them on x86-64.
const _: () = {
    use std::mem::{offset_of, size_of};

    type O = ConfigurationObject;
    #[repr(C)]
    struct Object([u16; 2], u64, u32);

    assert!(size_of::<Object>() == O::SIZE);
    assert!(offset_of!(Object, 1) as u64 == O::NDIS_HANDLE.offset());
    assert!(offset_of!(Object, 2) as u64 == O::FLAGS.offset());
    // NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1: to the end of the last member.
    assert!(offset_of!(Object, 2) + size_of::<u32>() == 20);
};

/// `NDIS_CONFIGURATION_PARAMETER` once more: a type, and a union of a number, a UNICODE_STRING and
/// a BINARY_DATA, which is a length and a pointer.
const _: () = {
    use std::mem::{ManuallyDrop, offset_of, size_of};

    type P = ConfigurationParameter;
    #[repr(C)]
    struct BinaryData(u16, u64);
    #[repr(C)]
    union Data {
        integer: u32,
        string: ManuallyDrop<UnicodeString>,
        binary: ManuallyDrop<BinaryData>,
    }
    #[repr(C)]
    struct Parameter(u32, Data);

    let data = offset_of!(Parameter, 1) as u64;
    assert!(size_of::<Parameter>() == P::SIZE);
    assert!(offset_of!(Parameter, 0) as u64 == P::PARAMETER_TYPE.offset());
    assert!(data == P::INTEGER.offset() && data == P::STRING.offset());
    assert!(data + offset_of!(BinaryData, 0) as u64 == P::LENGTH.offset());
    assert!(data + offset_of!(BinaryData, 1) as u64 == P::BUFFER.offset());
};
