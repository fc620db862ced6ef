#![expect(unsafe_code, reason = "reads NDIS_FILTER_ATTACH_PARAMETERS")]

use super::{
    status::{Error, Result, Status},
    sys::{self, NDIS_FILTER_ATTACH_PARAMETERS, UNICODE_STRING},
};
use core::{marker::PhantomData, ptr::NonNull};

/// What NDIS tells of an adapter when it attaches a module to it.
///
/// # Invariants
///
/// `raw` covers at least revision 1 for `'a`.
///
/// Follows NDIS_FILTER_ATTACH_PARAMETERS.
pub struct Attachment<'a> {
    raw: NonNull<NDIS_FILTER_ATTACH_PARAMETERS>,
    _attach: PhantomData<&'a NDIS_FILTER_ATTACH_PARAMETERS>,
}

/// Copies one member of revision 1.
macro_rules! member {
    ($attachment:expr, $name:ident) => {{
        // SAFETY: the parameters cover revision 1, which has the member, by the type's invariant.
        unsafe { (&raw const (*$attachment.raw.as_ptr()).$name).read() }
    }};
}

impl<'a> Attachment<'a> {
    /// # Errors
    ///
    /// [`Error::Other`] with [`Status::INVALID_PARAMETER`]: the parameters are not what their
    /// header says.
    ///
    /// # Safety
    ///
    /// `raw` is null or what NDIS gave to FilterAttach, and lives for `'a`.
    pub(super) unsafe fn new(raw: *mut NDIS_FILTER_ATTACH_PARAMETERS) -> Result<Self> {
        let invalid = Error::Other(Status::INVALID_PARAMETER);
        let raw = NonNull::new(raw).ok_or(invalid)?;
        // SAFETY: every revision starts with its header.
        let header = unsafe { (*raw.as_ptr()).Header };
        if u32::from(header.Type) != sys::NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS
            || header.Revision < 1
            || header.Size < sys::NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_1
        {
            return Err(invalid);
        }
        // INVARIANT: at least revision 1.
        Ok(Self { raw, _attach: PhantomData })
    }

    /// The adapter's NET_LUID.
    #[must_use]
    pub fn luid(&self) -> u64 {
        // CAST: a NET_LUID is a union over its 64-bit value.
        let luid = member!(self, BaseMiniportNetLuid);
        // SAFETY: as large as its value.
        unsafe { (&raw const luid).cast::<u64>().read() }
    }

    /// The adapter's interface index.
    #[must_use]
    pub fn if_index(&self) -> u32 {
        member!(self, BaseMiniportIfIndex)
    }

    /// NDIS_MEDIUM.
    #[must_use]
    pub fn medium(&self) -> i32 {
        member!(self, MiniportMediaType)
    }

    /// NDIS_PHYSICAL_MEDIUM.
    #[must_use]
    pub fn physical_medium(&self) -> i32 {
        member!(self, MiniportPhysicalMediaType)
    }

    /// The current link-layer address: the first so many of 32 bytes.
    #[must_use]
    pub fn mac_address(&self) -> ([u8; 32], usize) {
        let length = usize::from(member!(self, MacAddressLength));
        (member!(self, CurrentMacAddress), length.min(32))
    }

    /// The adapter's device name, `\Device\{GUID}`, in UTF-16.
    pub fn device_name(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        let name = member!(self, BaseMiniportName);
        // SAFETY: a string of NDIS', alive as long as the parameters.
        unsafe { units(name) }
    }

    /// The adapter's friendly name in UTF-16.
    pub fn friendly_name(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        let name = member!(self, BaseMiniportInstanceName);
        // SAFETY: a string of NDIS', alive as long as the parameters.
        unsafe { units(name) }
    }
}

/// The UTF-16 units of a counted string; none where there is no string.
///
/// # Safety
///
/// `string` is null or points to a counted string; both live for `'a`.
unsafe fn units<'a>(string: *const UNICODE_STRING) -> impl Iterator<Item = u16> + Clone + 'a {
    // SAFETY: the caller's promise.
    let string: Option<&'a UNICODE_STRING> = unsafe { string.as_ref() };
    let units = string.filter(|string| !string.Buffer.is_null()).map(|string| {
        let length = usize::from(string.Length / 2);
        // SAFETY: `Length` bytes from `Buffer` on, by the caller's promise.
        unsafe { core::slice::from_raw_parts::<'a, u16>(string.Buffer, length) }
    });
    units.unwrap_or_default().iter().copied()
}
