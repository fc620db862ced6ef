use crate::Adapter;

/// An interface as a capture describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub description: Option<String>,
    /// Its address.
    pub mac_address: Option<[u8; 6]>,
    /// The expression of the filter that its frames passed.
    pub filter: Option<String>,
    /// Bytes that are captured of each frame at most; zero for all.
    pub snap_length: u32,
}

impl From<&Adapter> for Interface {
    fn from(adapter: &Adapter) -> Self {
        Self {
            name: adapter.guid.clone(),
            description: Some(adapter.name.clone()),
            mac_address: adapter.mac_address.as_slice().try_into().ok(),
            filter: None,
            snap_length: 0,
        }
    }
}
