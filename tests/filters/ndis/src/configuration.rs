//! A filter driver's configuration.

use core::ptr;

use crate::{
    Handle, Header, NdisCloseConfiguration, NdisOpenConfigurationEx, NdisReadConfiguration,
    RESOURCES, SUCCESS, Text,
};

/// NDIS_CONFIGURATION_OBJECT
#[repr(C)]
pub struct ConfigurationObject {
    header: Header,
    handle: Handle,
    flags: u32,
}

/// NDIS_CONFIGURATION_PARAMETER that holds a text
#[repr(C)]
pub struct ConfigurationParameter {
    kind: u32,
    text: Text,
}

/// Reads a text of the configuration that belongs to a handle; nothing if there is none.
///
/// # Safety
///
/// At PASSIVE_LEVEL, with the handle of a registered filter driver or of a module.
pub unsafe fn read(handle: Handle, name: &'static [u16], read: impl FnOnce(&[u16])) {
    /// NdisParameterString
    const TEXT: u32 = 2;
    let header = Header { kind: 0xA9, revision: 1, size: 20 };
    let object = ConfigurationObject { header, handle, flags: 0 };
    let mut configuration = ptr::null_mut();
    // SAFETY: the caller's promise.
    let opened = unsafe { NdisOpenConfigurationEx(&raw const object, &raw mut configuration) };
    if opened != SUCCESS {
        return;
    }
    let (mut status, mut value) = (RESOURCES, ptr::null());
    let keyword = Text::new(name);
    let (told, given) = (&raw mut status, &raw mut value);
    // SAFETY: the configuration is open; everything else lives on this stack.
    unsafe { NdisReadConfiguration(told, given, configuration, &raw const keyword, TEXT) };
    // SAFETY: with success there is a value, which lives until the configuration is closed.
    let value: Option<&ConfigurationParameter> = unsafe { value.as_ref() };
    if let (SUCCESS, Some(ConfigurationParameter { text, .. })) = (status, value) {
        let units = usize::from(text.length) / size_of::<u16>();
        // SAFETY: a text is as many units as it says.
        read(unsafe { core::slice::from_raw_parts(text.buffer, units) });
    }
    // SAFETY: it is open, and nothing of it is used any more.
    unsafe { NdisCloseConfiguration(configuration) };
}
