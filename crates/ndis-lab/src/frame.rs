//! Frames as tests write and read them, and the lists that carry them.

use crate::abi::nbl::{NBL_HEADER_SPLIT, NBL_IS_LOOPBACK};
use crate::guest::Guest;
use crate::out_of_band::OutOfBand;
use crate::status::NtStatus;

/// A NET_BUFFER_LIST to be made: its buffers and what travels beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NblSpec {
    /// Its buffers; Ethernet receives have one.
    pub buffers: Vec<NbSpec>,
    /// Out-of-band information: index and value.
    pub information: Vec<(usize, u64)>,
    /// `NblFlags`
    pub nbl_flags: u32,
}

/// A NET_BUFFER to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NbSpec {
    /// The bytes of the frame.
    pub bytes: Vec<u8>,
    /// How the bytes are cut into MDLs, by length; what is left goes into a last one. Empty is
    /// one MDL. A 0 is an MDL of no bytes.
    pub splits: Vec<usize>,
    /// Unused bytes in front of the frame, in its first MDL.
    pub offset: usize,
    /// Unused bytes behind it, in its last.
    pub tail: usize,
    /// Whether its MDLs have no address of the system yet: whoever wants the bytes has to map
    /// them, which may fail.
    pub unmapped: bool,
    /// Memory of another driver that holds the last of the bytes, in pieces.
    pub(crate) memory: Vec<(Guest<u8>, usize)>,
}

impl NbSpec {
    /// A buffer with these bytes in one MDL.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }

    /// Cuts the bytes into MDLs of these lengths, and the rest.
    #[must_use]
    pub fn split(self, lengths: impl Into<Vec<usize>>) -> Self {
        Self { splits: lengths.into(), ..self }
    }

    /// Leaves unused bytes in front and behind.
    #[must_use]
    pub fn room(self, offset: usize, tail: usize) -> Self {
        Self { offset, tail, ..self }
    }

    /// Leaves the MDLs without an address of the system: their pages are locked, but a driver
    /// that wants the bytes has to ask for one (NdisQueryMdl, MmMapLockedPagesSpecifyCache), which
    /// is an allocation that can fail. The mapping ends when the list comes home.
    #[must_use]
    pub fn unmapped(self) -> Self {
        Self { unmapped: true, ..self }
    }
}

impl NblSpec {
    /// A list of one buffer.
    #[must_use]
    pub fn of(buffer: NbSpec) -> Self {
        Self::many([buffer])
    }

    /// A list of several buffers.
    #[must_use]
    pub fn many(buffers: impl IntoIterator<Item = NbSpec>) -> Self {
        Self { buffers: buffers.into_iter().collect(), ..Self::default() }
    }

    /// Adds out-of-band information; see [`crate::abi::nbl::information`] for indices.
    #[must_use]
    pub fn information(mut self, index: usize, value: u64) -> Self {
        self.information.push((index, value));
        self
    }

    /// Adds out-of-band information by its meaning.
    #[must_use]
    pub fn with(self, information: OutOfBand) -> Self {
        self.information(information.index(), information.value())
    }

    /// A receive that the adapter split behind its headers, of this many bytes: two MDLs, and
    /// `NDIS_NBL_FLAGS_HD_SPLIT`.
    #[must_use]
    pub fn header_split(bytes: impl Into<Vec<u8>>, headers: usize) -> Self {
        Self { nbl_flags: NBL_HEADER_SPLIT, ..Self::of(NbSpec::new(bytes).split([headers])) }
    }

    /// Marks the list as looped back: `NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET`.
    #[must_use]
    pub fn loopback(self) -> Self {
        Self { nbl_flags: self.nbl_flags | NBL_IS_LOOPBACK, ..self }
    }

    /// Sets `NblFlags`.
    #[must_use]
    pub fn flags(self, nbl_flags: u32) -> Self {
        Self { nbl_flags, ..self }
    }
}

impl From<Vec<u8>> for NblSpec {
    fn from(bytes: Vec<u8>) -> Self {
        Self::of(NbSpec::new(bytes))
    }
}

impl From<&[u8]> for NblSpec {
    fn from(bytes: &[u8]) -> Self {
        Self::of(NbSpec::new(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for NblSpec {
    fn from(bytes: &[u8; N]) -> Self {
        Self::of(NbSpec::new(bytes.as_slice()))
    }
}

impl From<&Vec<u8>> for NblSpec {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::of(NbSpec::new(bytes.as_slice()))
    }
}

/// A frame as it left at one end of the stack.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Out-of-band information of its list.
    pub information: [u64; 28],
    /// `NblFlags` of its list.
    pub nbl_flags: u32,
    /// The flags of the call that carried it: SendFlags on the wire, ReceiveFlags above.
    pub call_flags: u32,
    /// The port number of the call.
    pub port: u32,
    /// Which call carried it, from 0: frames of one batch have the same.
    pub batch: u64,
    /// Whether the filter originated it.
    pub originated: bool,
    /// Unused bytes in front of the data, before the drivers below used any.
    pub data_offset: u32,
    /// How many MDLs held it.
    pub mdls: usize,
}

impl Frame {
    /// Whether its list bears this information, and nothing else in its place.
    #[must_use]
    pub fn bears(&self, information: OutOfBand) -> bool {
        self.information[information.index()] == information.value()
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = if self.originated { "originated" } else { "passed on" };
        write!(f, "Frame({} bytes, {origin}, batch {}:", self.bytes.len(), self.batch)?;
        for byte in self.bytes.iter().take(64) {
            write!(f, " {byte:02x}")?;
        }
        if self.bytes.len() > 64 {
            write!(f, " …")?;
        }
        write!(f, ")")
    }
}

/// A list that came back to the driver that originated it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completion {
    /// Its number, in the order in which this end originated lists, from 0.
    pub list: u64,
    /// Its status.
    pub status: NtStatus,
}
