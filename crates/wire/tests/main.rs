//! What the crate says is on the wire, against what others put there: the Linux kernel, scapy,
//! libpcap, tshark and a real TCP stack.

mod checksums;
mod oracle;
mod packet;
mod pieces;
mod segments;
mod sent;
mod tags;
