use core::ops::Range;

use crate::{
    Source, WireError,
    header::Header,
    network::{Network, Version},
    source::for_each_piece,
    sum::Sum,
    transport::{Protocol, Transport},
};

/// Where the checksum stands in an IPv4 header.
const OF_IPV4: usize = 10;

/// Writes the checksum of the IPv4 header.
///
/// # Errors
///
/// [`WireError::Malformed`] where there is no IPv4 header.
pub(crate) fn complete_ipv4(header: &mut Header, network: &Network) -> Result<(), WireError> {
    if network.version != Version::V4 {
        return Err(WireError::Malformed);
    }
    let field = network.offset.saturating_add(OF_IPV4);
    header.put(field, [0; 2])?;
    let bytes = header.as_slice().get(network.offset..network.payload);
    let sum = Sum::default().add(bytes.ok_or(WireError::Malformed)?);
    header.put(field, sum.checksum())
}

/// Writes the checksum of the TCP or UDP header, for a datagram whose payload is `payload` of
/// `source`.
///
/// # Errors
///
/// [`WireError::Malformed`], [`WireError::Unreadable`].
pub(crate) fn complete_transport<S: Source + ?Sized>(
    header: &mut Header,
    network: &Network,
    transport: &Transport,
    source: &S,
    payload: Range<usize>,
) -> Result<(), WireError> {
    let field = transport.offset.saturating_add(transport.protocol.checksum());
    header.put(field, [0; 2])?;
    let own = header.as_slice().get(transport.offset..transport.payload);
    let own = own.ok_or(WireError::Malformed)?;
    let length = own.len().saturating_add(payload.len());
    let mut sum = pseudo_header(header, network, transport.protocol, length)?.add(own);
    // Every header has an even number of bytes, so the payload starts at a word of its own.
    if !for_each_piece(source, payload, |piece| sum = sum.add(piece)) {
        return Err(WireError::Unreadable);
    }
    let checksum = match sum.checksum() {
        // Zero says that there is none, and the other zero of the arithmetic that it is zero.
        [0, 0] if transport.protocol == Protocol::Udp => [0xFF, 0xFF],
        checksum => checksum,
    };
    header.put(field, checksum)
}

/// The sum of what TCP and UDP cover of the network layer.
fn pseudo_header(
    header: &Header,
    network: &Network,
    protocol: Protocol,
    length: usize,
) -> Result<Sum, WireError> {
    let length = u32::try_from(length).map_err(|_| WireError::Malformed)?;
    let sum = Sum::default().add(&length.to_be_bytes()).add(&[0, protocol.number()]);
    Ok(match network.version {
        Version::V4 => {
            let source: [u8; 4] = header.get(network.offset.saturating_add(12))?;
            let destination: [u8; 4] = header.get(network.destination)?;
            sum.add(&source).add(&destination)
        }
        Version::V6 => {
            let source: [u8; 16] = header.get(network.offset.saturating_add(8))?;
            let destination: [u8; 16] = header.get(network.destination)?;
            sum.add(&source).add(&destination)
        }
    })
}
