use protocol::copies;

/// Which way frames go that are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Directions {
    /// To the network and from it.
    #[default]
    Both,
    /// To the network.
    Sent,
    /// From the network.
    Received,
}

impl Directions {
    /// The flags of [`copies`] that ask for it.
    #[must_use]
    pub const fn flags(self) -> u32 {
        match self {
            Self::Both => copies::SENT | copies::RECEIVED,
            Self::Sent => copies::SENT,
            Self::Received => copies::RECEIVED,
        }
    }

    /// What flags of [`copies`] ask for.
    #[must_use]
    pub const fn from_flags(flags: u32) -> Self {
        match (flags & copies::SENT != 0, flags & copies::RECEIVED != 0) {
            (true, false) => Self::Sent,
            (false, true) => Self::Received,
            _ => Self::Both,
        }
    }
}
