use framecastctl::Adapter;

/// A group address of the selftest's own: locally administered.
const GROUP: [u8; 6] = [0x03, 0x46, 0x43, 0x53, 0x54, 0x01];

/// The address of one host, else like that.
const SINGLE: [u8; 6] = [0x02, 0x46, 0x43, 0x53, 0x54, 0x01];

/// The EtherType for local experiments, which no host takes for anything else.
const EXPERIMENTAL: [u8; 2] = [0x88, 0xB5];

/// The shortest frame: a link-layer header.
pub(super) const SHORTEST: usize = 14;

/// A frame towards the network, of `length` bytes, unlike others of another `number`.
pub(super) fn to_network(adapter: &Adapter, number: usize, length: usize) -> Vec<u8> {
    frame(&GROUP, &adapter.mac_address, number, length)
}

/// The same towards this host.
pub(super) fn to_host(adapter: &Adapter, number: usize, length: usize) -> Vec<u8> {
    frame(&adapter.mac_address, &SINGLE, number, length)
}

fn frame(to: &[u8], from: &[u8], number: usize, length: usize) -> Vec<u8> {
    let number = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let filler = (0_u8..=0xFF).cycle();
    let head = [to, from, &EXPERIMENTAL, b"framecast selftest ", &number].concat();
    head.into_iter().chain(filler).take(length).collect()
}

/// A frame with an 802.1Q tag put in.
pub(super) fn tagged(mut frame: Vec<u8>) -> Vec<u8> {
    frame.splice(12..12, [0x81, 0x00, 0x00, 0x01]);
    frame
}

/// Whether a frame is one of these, and not of the network's own traffic.
pub(super) fn is_ours(frame: &[u8]) -> bool {
    let at = |offset: usize, bytes: &[u8]| frame.get(offset..offset + bytes.len()) == Some(bytes);
    let untagged = at(12, &EXPERIMENTAL);
    let tagged = at(12, &[0x81, 0x00]) && at(16, &EXPERIMENTAL);
    (at(0, &GROUP) || at(6, &SINGLE)) && (untagged || tagged)
}

/// Lengths that a driver could get wrong, up to `most`.
pub(super) fn lengths(most: usize) -> Vec<usize> {
    let mut lengths = vec![SHORTEST, 15, 59, 60, 61, 63, 64, 65, 255, 256, 511, 512, 1023, 1024];
    lengths.extend([1500, 1513, 1514, 2047, 4095, 4096, 8192, 9000]);
    lengths.extend([most.saturating_sub(1), most]);
    lengths.retain(|length| (SHORTEST..=most).contains(length));
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}
