//! Stand-in for a WDK.
