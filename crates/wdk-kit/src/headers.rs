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
}
