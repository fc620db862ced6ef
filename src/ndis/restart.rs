#![expect(unsafe_code, reason = "walks NDIS_RESTART_ATTRIBUTES")]

use super::sys::{
    self, NDIS_FILTER_RESTART_PARAMETERS, NDIS_OBJECT_HEADER, NDIS_RESTART_ATTRIBUTES,
    NDIS_RESTART_GENERAL_ATTRIBUTES, OID_GEN_MINIPORT_RESTART_ATTRIBUTES,
};
use core::{marker::PhantomData, mem::offset_of, ptr::NonNull};

/// What the drivers below say of themselves when a module restarts.
///
/// A list that NDIS may leave out, with entries that this driver does not know and must not touch.
///
/// # Invariants
///
/// `first` is null or starts a list of entries, each with `DataLength` bytes from `Data` on, that
/// stay as they are for `'r`.
///
/// Follows NDIS_RESTART_ATTRIBUTES.
pub struct RestartAttributes<'r> {
    first: *const NDIS_RESTART_ATTRIBUTES,
    _restart: PhantomData<&'r NDIS_FILTER_RESTART_PARAMETERS>,
}

/// The members of NDIS_RESTART_GENERAL_ATTRIBUTES that an originator needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralAttributes {
    /// The largest payload of a frame, without the link-layer header.
    pub mtu: u32,
    /// Room that the drivers below want in front of a frame.
    pub data_backfill: u32,
    /// Context that the drivers below want in a list.
    pub context_backfill: u32,
}

impl RestartAttributes<'_> {
    /// # Safety
    ///
    /// `parameters` is null or what NDIS gave to FilterRestart, and lives for the result's
    /// lifetime.
    pub(super) unsafe fn from_raw(parameters: *const NDIS_FILTER_RESTART_PARAMETERS) -> Self {
        let none = Self { first: core::ptr::null(), _restart: PhantomData };
        if parameters.is_null() {
            return none;
        }
        // SAFETY: every revision starts with its header.
        let header = unsafe { (*parameters).Header };
        if u32::from(header.Type) != sys::NDIS_OBJECT_TYPE_FILTER_RESTART_PARAMETERS
            || header.Size < sys::NDIS_SIZEOF_FILTER_RESTART_PARAMETERS_REVISION_1
        {
            return none;
        }
        // SAFETY: revision 1, which the header's size covers, has the member.
        let first = unsafe { (*parameters).RestartAttributes };
        // INVARIANT: NDIS made the list, and keeps it until FilterRestart returns.
        Self { first, _restart: PhantomData }
    }

    /// The general attributes of the drivers below.
    ///
    /// `None` where NDIS has no information, or none that is whole: revision 1 suffices, shorter
    /// data does not.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// Follows OID_GEN_MINIPORT_RESTART_ATTRIBUTES and NDIS_RESTART_GENERAL_ATTRIBUTES.
    #[must_use]
    pub fn general(&self) -> Option<GeneralAttributes> {
        let mut next = self.first.cast_mut();
        while let Some(entry) = NonNull::new(next) {
            // SAFETY: an entry by the type's invariant.
            let oid = unsafe { (*entry.as_ptr()).Oid };
            if oid == OID_GEN_MINIPORT_RESTART_ATTRIBUTES {
                // SAFETY: an entry by the type's invariant.
                return unsafe { read_general(entry) };
            }
            // SAFETY: an entry by the type's invariant.
            next = unsafe { (*entry.as_ptr()).Next };
        }
        None
    }
}

/// Reads the general attributes out of their entry.
///
/// # Safety
///
/// `entry` points to an entry with `DataLength` bytes from `Data` on.
unsafe fn read_general(entry: NonNull<NDIS_RESTART_ATTRIBUTES>) -> Option<GeneralAttributes> {
    const REVISION_1: usize = sys::NDIS_SIZEOF_RESTART_GENERAL_ATTRIBUTES_REVISION_1 as usize;
    // SAFETY: an entry by the caller's promise.
    let length = unsafe { (*entry.as_ptr()).DataLength };
    if usize::try_from(length).ok()? < REVISION_1 {
        return None;
    }
    // SAFETY: an entry by the caller's promise.
    let data = unsafe { &raw const (*entry.as_ptr()).Data };
    // SAFETY: the data are at least a revision 1 long.
    let header = unsafe { data.cast::<NDIS_OBJECT_HEADER>().read_unaligned() };
    if u32::from(header.Type) != sys::NDIS_OBJECT_TYPE_RESTART_GENERAL_ATTRIBUTES
        || header.Revision < 1
        || usize::from(header.Size) < REVISION_1
    {
        return None;
    }
    let member = |offset: usize| {
        // SAFETY: every member below lies within revision 1, and the data are at least as long.
        let place = unsafe { data.cast::<u8>().add(offset) };
        // SAFETY: as above; a member is a ULONG.
        unsafe { place.cast::<u32>().read_unaligned() }
    };
    Some(GeneralAttributes {
        mtu: member(offset_of!(NDIS_RESTART_GENERAL_ATTRIBUTES, MtuSize)),
        data_backfill: member(offset_of!(NDIS_RESTART_GENERAL_ATTRIBUTES, DataBackFillSize)),
        context_backfill: member(offset_of!(NDIS_RESTART_GENERAL_ATTRIBUTES, ContextBackFillSize)),
    })
}
