use bitflags::bitflags;

bitflags! {
    /// How a frame on the wire differs from the frame that the drivers saw.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Changes: u32 {
        /// An 802.1Q tag was inserted.
        const TAGGED = 1;
        /// A checksum was completed.
        const CHECKSUMMED = 1 << 1;
        /// It is one of several frames, or of one, that the adapter was left to cut.
        const SEGMENTED = 1 << 2;
        /// It was cut differently from what was on the wire, or from what is known of it: a large
        /// send into smaller segments than it asked for, because the target takes no longer ones,
        /// or a coalesced receive into segments whose boundaries nobody has recorded.
        const RESEGMENTED = 1 << 3;
        /// Something was left to the hardware that could not be done here: the headers are longer
        /// than [`HEADER_LIMIT`](crate::HEADER_LIMIT), malformed, or of protocols that are not
        /// known here. The rest was done, and those fields are as they were.
        const INCOMPLETE = 1 << 4;
    }
}
