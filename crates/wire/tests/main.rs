//! What the crate says is on the wire, against what others put there: the Linux kernel, scapy,
//! libpcap, tshark and a real TCP stack.

mod allocations;
mod captures;
mod checksums;
mod filters;
mod hostile;
mod limits;
mod oracle;
mod packet;
mod pieces;
mod recorded;
mod segments;
mod sent;
mod shape;
mod stack;
mod tags;
