//! OID requests as tests make them.

use crate::status::NtStatus;

/// A request from above, or the result of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidQuery {
    /// The object identifier.
    pub oid: u32,
    /// What it does.
    pub kind: OidKind,
    /// The information buffer: what is set, or room for what is asked.
    pub buffer: Vec<u8>,
    /// `RequestId`, by which it can be cancelled.
    pub id: u64,
}

/// What an OID request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OidKind {
    /// Asks.
    Query,
    /// Sets.
    Set,
    /// Asks for a statistic.
    QueryStatistics,
}

/// How an OID request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OidResult {
    /// The status.
    pub status: NtStatus,
    /// The buffer after the request, cut to the bytes written for a query.
    pub buffer: Vec<u8>,
    /// Bytes written by a query or read by a set.
    pub bytes: u32,
    /// Bytes that were needed, if the buffer was too short.
    pub needed: u32,
}

impl OidQuery {
    /// Asks for information of up to a length.
    #[must_use]
    pub fn query(oid: u32, length: usize) -> Self {
        Self { oid, kind: OidKind::Query, buffer: vec![0; length], id: 0 }
    }

    /// Sets information.
    #[must_use]
    pub fn set(oid: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self { oid, kind: OidKind::Set, buffer: bytes.into(), id: 0 }
    }
}
