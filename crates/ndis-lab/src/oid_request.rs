//! OID requests as tests make them.

use crate::edge::Policy;
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
    /// Of a method: how much of the buffer, from its start, may be written; all of it is read.
    pub output: usize,
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
    /// Calls a method.
    Method,
}

/// How an OID request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OidResult {
    /// The status.
    pub status: NtStatus,
    /// The buffer after the request, cut to the bytes written for a query or a method.
    pub buffer: Vec<u8>,
    /// Bytes written by a query or a method, or read by a set.
    pub bytes: u32,
    /// Bytes read by a method.
    pub read: u32,
    /// Bytes that were needed, if the buffer was too short.
    pub needed: u32,
    /// `SupportedRevision`
    pub revision: u8,
}

/// What the adapter answers to OID requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidAnswer {
    /// The status.
    pub status: NtStatus,
    /// When.
    pub policy: Policy,
    /// With success, what queries and methods are told.
    pub bytes: Vec<u8>,
    /// Bytes that are needed.
    pub needed: u32,
    /// `SupportedRevision`
    pub revision: u8,
}

impl OidQuery {
    /// Asks for information of up to a length.
    #[must_use]
    pub fn query(oid: u32, length: usize) -> Self {
        Self { oid, kind: OidKind::Query, buffer: vec![0; length], output: 0, id: 0 }
    }

    /// Sets information.
    #[must_use]
    pub fn set(oid: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self { oid, kind: OidKind::Set, buffer: bytes.into(), output: 0, id: 0 }
    }

    /// Calls a method, which may write up to a length.
    #[must_use]
    pub fn method(oid: u32, bytes: impl Into<Vec<u8>>, output: usize) -> Self {
        Self { oid, kind: OidKind::Method, buffer: bytes.into(), output, id: 0 }
    }

    /// Gives the request an identifier, by which it can be cancelled.
    #[must_use]
    pub fn with_id(self, id: u64) -> Self {
        Self { id, ..self }
    }
}
