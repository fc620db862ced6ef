//! Packets of all the shapes that may be left to the hardware, and the bytes that they are.

use std::fmt;

use proptest::prelude::*;

/// The addresses of all frames.
pub(crate) const ADDRESSES: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/// Bytes that nobody wants to see.
#[derive(Clone)]
pub(crate) struct Payload(pub(crate) Vec<u8>);

impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

/// A frame that holds a TCP segment or a UDP datagram.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Tags: EtherType and control information.
    pub(crate) tags: Vec<(u16, u16)>,
    pub(crate) network: Network,
    pub(crate) transport: Transport,
    pub(crate) payload: Payload,
    /// What is behind the packet, in the frame.
    pub(crate) padding: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) enum Network {
    V4 { service: u8, identification: u16, flags: u8, hops: u8, options: Vec<u8> },
    V6 { class_and_flow: u32, hops: u8, extensions: Vec<Extension> },
}

#[derive(Clone, Debug)]
pub(crate) enum Extension {
    HopByHop(Vec<u8>),
    Destination(Vec<u8>),
    Routing { kind: u8, segments_left: u8, addresses: Vec<[u8; 16]> },
}

#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Tcp { sequence: u32, reserved: u8, flags: u8, options: Vec<u8> },
    Udp,
}

const SOURCE_V4: [u8; 4] = [10, 1, 2, 3];
const DESTINATION_V4: [u8; 4] = [10, 200, 100, 50];
const SOURCE_V6: [u8; 16] = *b"\xFD\x01--source----\xFF\xFE";
const DESTINATION_V6: [u8; 16] = *b"\xFD\x02-destination-\x01";

impl Packet {
    /// Where the network layer starts.
    pub(crate) fn network_offset(&self) -> usize {
        14 + 4 * self.tags.len()
    }

    /// Where the transport layer starts.
    pub(crate) fn transport_offset(&self) -> usize {
        self.network_offset() + self.network.bytes(0, 0).len()
    }

    /// Where the payload starts.
    pub(crate) fn payload_offset(&self) -> usize {
        self.transport_offset() + self.transport.bytes(0).len()
    }

    /// Where the checksum stands, from the start of the transport layer.
    pub(crate) fn checksum_field(&self) -> usize {
        match self.transport {
            Transport::Tcp { .. } => 16,
            Transport::Udp => 6,
        }
    }

    /// The frame, with all lengths right, and with the checksums that are `given`.
    pub(crate) fn bytes(&self, network_checksum: u16, transport_checksum: u16) -> Vec<u8> {
        let mut transport = self.transport.bytes(self.payload.0.len());
        let field = self.checksum_field();
        transport[field..field + 2].copy_from_slice(&transport_checksum.to_be_bytes());
        let mut network =
            self.network.bytes(self.transport.number(), transport.len() + self.payload.0.len());
        let mut link = ADDRESSES.to_vec();
        for (protocol, control) in &self.tags {
            link.extend(protocol.to_be_bytes());
            link.extend(control.to_be_bytes());
        }
        if matches!(self.network, Network::V4 { .. }) {
            link.extend([0x08, 0x00]);
            network[10..12].copy_from_slice(&network_checksum.to_be_bytes());
        } else {
            link.extend([0x86, 0xDD]);
        }
        [link, network, transport, self.payload.0.clone(), self.padding.clone()].concat()
    }

    /// The sum over the pseudo-header, for all of the payload, as stacks leave it in the field.
    pub(crate) fn pseudo_sum(&self) -> u16 {
        let length = self.transport.bytes(0).len() + self.payload.0.len();
        let mut covered = match &self.network {
            Network::V4 { .. } => [SOURCE_V4, DESTINATION_V4].concat(),
            Network::V6 { extensions, .. } => {
                let last = extensions.iter().find_map(Extension::last_address);
                [SOURCE_V6, last.unwrap_or(DESTINATION_V6)].concat()
            }
        };
        covered.extend(u32::try_from(length).expect("a few thousand").to_be_bytes());
        covered.extend([0, self.transport.number()]);
        let words = covered.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
        let sum: u32 = words.sum();
        let folded = (sum & 0xFFFF) + (sum >> 16);
        u16::try_from((folded & 0xFFFF) + (folded >> 16)).expect("folded")
    }
}

impl Network {
    fn bytes(&self, protocol: u8, length: usize) -> Vec<u8> {
        match self {
            Self::V4 { service, identification, flags, hops, options } => {
                let header = 20 + options.len();
                let mut bytes = vec![0x40 | u8::try_from(header / 4).expect("short"), *service];
                let total = u16::try_from(header + length).unwrap_or(0);
                bytes.extend(total.to_be_bytes());
                bytes.extend(identification.to_be_bytes());
                bytes.extend([*flags << 5, 0, *hops, protocol, 0, 0]);
                bytes.extend(SOURCE_V4);
                bytes.extend(DESTINATION_V4);
                bytes.extend(options);
                bytes
            }
            Self::V6 { class_and_flow, hops, extensions } => {
                let numbers: Vec<_> = extensions.iter().map(Extension::number).collect();
                let behind = |index: usize| numbers.get(index).copied().unwrap_or(protocol);
                let chain = extensions.iter().enumerate();
                let chain: Vec<_> =
                    chain.flat_map(|(at, extension)| extension.bytes(behind(at + 1))).collect();
                let mut bytes = (0x6000_0000 | class_and_flow).to_be_bytes().to_vec();
                let payload = u16::try_from(chain.len() + length).unwrap_or(0);
                bytes.extend(payload.to_be_bytes());
                bytes.extend([behind(0), *hops]);
                bytes.extend(SOURCE_V6);
                bytes.extend(DESTINATION_V6);
                bytes.extend(chain);
                bytes
            }
        }
    }
}

impl Extension {
    fn number(&self) -> u8 {
        match self {
            Self::HopByHop(_) => 0,
            Self::Routing { .. } => 43,
            Self::Destination(_) => 60,
        }
    }

    /// Where the packet goes in the end, if this says so.
    fn last_address(&self) -> Option<[u8; 16]> {
        match self {
            // Segment routing has its addresses in reverse.
            Self::Routing { kind: 4, segments_left: 1.., addresses } => addresses.first().copied(),
            Self::Routing { segments_left: 1.., addresses, .. } => addresses.last().copied(),
            _ => None,
        }
    }

    fn bytes(&self, next: u8) -> Vec<u8> {
        let content = match self {
            Self::HopByHop(padding) | Self::Destination(padding) => {
                // One option, PadN, that fills the header.
                [&[1, u8::try_from(padding.len()).expect("short")][..], padding].concat()
            }
            Self::Routing { kind, segments_left, addresses } => {
                let last = if *kind == 4 { addresses.len().saturating_sub(1) } else { 0 };
                let last = u8::try_from(last).expect("short");
                [vec![*kind, *segments_left, last, 0, 0, 0], addresses.concat()].concat()
            }
        };
        let length = u8::try_from((content.len() + 2) / 8 - 1).expect("short");
        [vec![next, length], content].concat()
    }
}

impl Transport {
    fn number(&self) -> u8 {
        match self {
            Self::Tcp { .. } => 6,
            Self::Udp => 17,
        }
    }

    fn bytes(&self, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 0x56, 0x78];
        match self {
            Self::Tcp { sequence, reserved, flags, options } => {
                bytes.extend(sequence.to_be_bytes());
                bytes.extend([0xAC, 0xCE, 0x97, 0xED]);
                let words = u8::try_from((20 + options.len()) / 4).expect("short");
                bytes.extend([words << 4 | reserved, *flags, 0x20, 0x21, 0, 0, 0, 0]);
                bytes.extend(options);
            }
            Self::Udp => {
                bytes.extend(u16::try_from(8 + payload).unwrap_or(0).to_be_bytes());
                bytes.extend([0, 0]);
            }
        }
        bytes
    }
}

/// Packets with `payload` bytes of payload.
pub(crate) fn packets(
    transport: impl Strategy<Value = Transport>,
    payload: impl Strategy<Value = usize>,
) -> impl Strategy<Value = Packet> {
    let payload = (payload, any::<u64>()).prop_map(|(len, seed)| Payload(bytes_of(seed, len)));
    let tag = (prop_oneof![Just(0x8100), Just(0x88A8)], any::<u16>());
    let tags = prop::collection::vec(tag, 0..3);
    (tags, networks(), transport, payload).prop_map(|(tags, network, transport, payload)| Packet {
        tags,
        network,
        transport,
        payload,
        padding: Vec::new(),
    })
}

/// Bytes that look random and are quick to make.
fn bytes_of(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

fn networks() -> impl Strategy<Value = Network> {
    let v4 = (any::<u8>(), any::<u16>(), prop_oneof![Just(0_u8), Just(2)], 1_u8.., options_v4())
        .prop_map(|(service, identification, flags, hops, options)| Network::V4 {
            service,
            identification,
            flags,
            hops,
            options,
        });
    let v6 = (0..0x1000_0000_u32, 1_u8.., extensions()).prop_map(
        |(class_and_flow, hops, extensions)| Network::V6 { class_and_flow, hops, extensions },
    );
    prop_oneof![v4, v6]
}

/// IPv4 options, whole words of them.
fn options_v4() -> impl Strategy<Value = Vec<u8>> {
    let option = prop_oneof![
        Just(vec![1, 1, 1, 1]),
        // Router alert.
        Just(vec![148, 4, 0, 0]),
        // Record route, with room for one.
        Just(vec![7, 7, 4, 0, 0, 0, 0, 1]),
    ];
    prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(option, 1..5).prop_map(|options| options.concat()),
    ]
}

fn extensions() -> impl Strategy<Value = Vec<Extension>> {
    let padding = || prop_oneof![Just(4), Just(12), Just(28)].prop_map(|len| vec![0; len]);
    let hop_by_hop = prop::option::of(padding().prop_map(Extension::HopByHop));
    let destination = || prop::option::of(padding().prop_map(Extension::Destination));
    let kind_and_len =
        prop_oneof![(Just(0), 0_usize..3), (Just(2), Just(1_usize)), (Just(4), 1_usize..4),];
    let routing = (kind_and_len, any::<bool>()).prop_map(|((kind, len), arrived)| {
        let addresses = (1..=len).map(|index| [u8::try_from(index).expect("short"); 16]);
        let segments_left = if arrived { 0 } else { u8::try_from(len).expect("short") };
        Extension::Routing { kind, segments_left, addresses: addresses.collect() }
    });
    let chain = (hop_by_hop, destination(), prop::option::of(routing), destination());
    prop_oneof![
        1 => Just(Vec::new()),
        1 => chain.prop_map(|(first, second, third, fourth)| {
            [first, second, third, fourth].into_iter().flatten().collect()
        }),
    ]
}

/// TCP segments that may be cut: no SYN, RST or URG.
pub(crate) fn tcp() -> impl Strategy<Value = Transport> {
    let option = prop_oneof![
        Just(vec![1, 1, 1, 1]),
        any::<[u8; 8]>().prop_map(|times| [&[1, 1, 8, 10][..], &times].concat()),
        any::<[u8; 8]>().prop_map(|blocks| [&[1, 1, 5, 10][..], &blocks].concat()),
    ];
    let options = prop::collection::vec(option, 0..4).prop_map(|options| options.concat());
    // FIN, PSH, ACK, ECE, CWR.
    let flags = any::<u8>().prop_map(|flags| flags & 0b1101_1001);
    (any::<u32>(), 0_u8..16, flags, options).prop_map(|(sequence, reserved, flags, options)| {
        Transport::Tcp { sequence, reserved, flags, options }
    })
}

/// UDP datagrams.
pub(crate) fn udp() -> impl Strategy<Value = Transport> {
    Just(Transport::Udp)
}
