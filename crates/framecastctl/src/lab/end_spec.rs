use std::path::PathBuf;

use serde::Deserialize;

/// One end of an adapter's stack: its wire, or the host's protocols above it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndSpec {
    /// A capture whose frames come from this end, in their order.
    pub from: Option<PathBuf>,
    /// A capture that takes the frames that arrive at this end, as the driver handed them on.
    pub to: Option<PathBuf>,
    /// A TAP device that this end is connected to, both ways.
    pub tap: Option<TapSpec>,
}

/// A TAP device: `NAME`, or `NAME@NAMESPACE` for one in another network namespace, which is a name
/// that `ip netns` knows or a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct TapSpec {
    /// Its name.
    pub name: String,
    /// The file of its network namespace; the program's own for none.
    pub namespace: Option<PathBuf>,
}

impl From<&str> for TapSpec {
    fn from(text: &str) -> Self {
        let (name, namespace) = match text.split_once('@') {
            Some((name, namespace)) if namespace.contains('/') => (name, Some(namespace.into())),
            Some((name, namespace)) => (name, Some(PathBuf::from("/run/netns").join(namespace))),
            None => (text, None),
        };
        Self { name: name.to_owned(), namespace }
    }
}

impl From<String> for TapSpec {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// When the frames of a capture come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// As fast as the driver takes them.
    #[default]
    Fast,
    /// With the pauses that the capture has between them.
    Original,
}

/// What an adapter does in hardware for the frames of TAP devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hardware {
    /// Nothing: frames cross the driver as they are on the wire.
    #[default]
    None,
    /// Checksums, large sends of TCP and of UDP, and 802.1Q tags: what the host leaves to the
    /// adapter crosses the driver beside the frames, and is done below it.
    All,
}
