//! The headers of the kit, carried in the crate so that it can lay them out anywhere.

/// A header of the kit.
pub(crate) struct Header {
    /// Its place below `Include/<version>`.
    pub(crate) path: &'static str,
    /// What it says.
    pub(crate) text: &'static str,
}

macro_rules! headers {
    ($($path:literal),* $(,)?) => {
        /// Every header.
        pub(crate) const ALL: &[Header] =
            &[$(Header { path: $path, text: include_str!(concat!("../include/", $path)) }),*];
    };
}

headers! {
    "km/ndis.h",
    "km/ntddk.h",
    "km/ntifs.h",
    "km/ntstrsafe.h",
    "km/wdm.h",
    "km/wdm/ex.h",
    "km/wdm/io.h",
    "km/wdm/iostack.h",
    "km/wdm/irp.h",
    "km/wdm/ke.h",
    "km/wdm/mm.h",
    "km/wdm/ob.h",
    "km/wdm/rtl.h",
    "shared/guiddef.h",
    "shared/ifdef.h",
    "shared/ndis/constants.h",
    "shared/ndis/filter.h",
    "shared/ndis/nbl.h",
    "shared/ndis/nblapi.h",
    "shared/ndis/nblinfo.h",
    "shared/ndis/offload.h",
    "shared/ndis/oidrequest.h",
    "shared/ndis/oids.h",
    "shared/ndis/services.h",
    "shared/ndis/status.h",
    "shared/ndis/types.h",
    "shared/ndis/version.h",
    "shared/netpnp.h",
    "shared/ntddndis.h",
    "shared/ntdef.h",
    "shared/ntstatus.h",
}
