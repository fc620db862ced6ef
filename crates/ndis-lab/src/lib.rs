//! An NDIS host for lightweight filters.
