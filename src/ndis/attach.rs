#![expect(unsafe_code, reason = "reads NDIS_FILTER_ATTACH_PARAMETERS")]

use super::{
    handle::FilterHandle,
    status::{Error, Result, Status},
    sys::{self, NDIS_FILTER_ATTACH_PARAMETERS, UNICODE_STRING},
};

/// What NDIS tells of an adapter when it attaches a module to it.
///
/// # Invariants
///
/// `raw` covers at least revision 1 for `'a`.
///
/// Follows NDIS_FILTER_ATTACH_PARAMETERS.
pub struct Attachment<'a> {
    handle: FilterHandle,
    raw: &'a NDIS_FILTER_ATTACH_PARAMETERS,
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
    pub(super) unsafe fn new(
        handle: FilterHandle,
        raw: *const NDIS_FILTER_ATTACH_PARAMETERS,
    ) -> Result<Self> {
        let invalid = Error::Other(Status::INVALID_PARAMETER);
        // SAFETY: NDIS' own structure, of which revision 1 is read, or less after the check below.
        let raw = unsafe { raw.as_ref() }.ok_or(invalid)?;
        if u32::from(raw.Header.Type) != sys::NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS
            || raw.Header.Revision < 1
            || raw.Header.Size < sys::NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_1
        {
            return Err(invalid);
        }
        // INVARIANT: at least revision 1.
        Ok(Self { handle, raw })
    }

    /// The handle by which NDIS knows the module.
    #[must_use]
    pub const fn handle(&self) -> FilterHandle {
        self.handle
    }

    /// The adapter's NET_LUID.
    #[must_use]
    pub const fn luid(&self) -> u64 {
        // CAST: a NET_LUID is a union over its 64-bit value.
        let luid = (&raw const self.raw.BaseMiniportNetLuid).cast::<u64>();
        // SAFETY: a member of revision 1.
        unsafe { luid.read() }
    }

    /// The adapter's interface index.
    #[must_use]
    pub const fn if_index(&self) -> u32 {
        self.raw.BaseMiniportIfIndex
    }

    /// NDIS_MEDIUM.
    #[must_use]
    pub const fn medium(&self) -> i32 {
        self.raw.MiniportMediaType
    }

    /// The current link-layer address: as many bytes as count.
    #[must_use]
    pub fn mac_address(&self) -> &'a [u8] {
        let address = self.raw.CurrentMacAddress.as_slice();
        address.get(..usize::from(self.raw.MacAddressLength)).unwrap_or(address)
    }

    /// The adapter's device name, `\Device\{GUID}`, in UTF-16.
    pub fn device_name(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        // SAFETY: a string of NDIS', alive as long as the parameters.
        unsafe { units(self.raw.BaseMiniportName) }
    }

    /// The adapter's friendly name in UTF-16.
    pub fn friendly_name(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        // SAFETY: a string of NDIS', alive as long as the parameters.
        unsafe { units(self.raw.BaseMiniportInstanceName) }
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
