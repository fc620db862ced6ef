/// Where a captured frame has what, found by the formats' definitions and not by the crate.
pub(crate) struct Shape {
    pub(crate) is_v4: bool,
    pub(crate) network: usize,
    pub(crate) is_tcp: bool,
    pub(crate) transport: usize,
    pub(crate) payload: usize,
}

impl Shape {
    /// None where it is neither TCP nor UDP, or a fragment; no capture has extension headers.
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        let half = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
        let mut link = 12;
        while matches!(half(link)?, 0x8100 | 0x88A8) {
            link += 4;
        }
        let network = link + 2;
        let (is_v4, protocol, transport) = match half(link)? {
            0x0800 if matches!(half(network + 6)?, 0 | 0x4000) => {
                (true, frame[network + 9], network + 4 * usize::from(frame[network] & 15))
            }
            0x86DD => (false, frame[network + 6], network + 40),
            _ => return None,
        };
        let payload = match protocol {
            6 => transport + 4 * usize::from(frame[transport + 12] >> 4),
            17 => transport + 8,
            _ => return None,
        };
        Some(Self { is_v4, network, is_tcp: protocol == 6, transport, payload })
    }

    /// Where the checksum of the transport layer stands.
    pub(crate) fn checksum(&self) -> usize {
        self.transport + if self.is_tcp { 16 } else { 6 }
    }
}
