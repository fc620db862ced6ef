//! The time of day.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Local};

/// Now, since 1970 in UTC.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A time since 1970, as clocks here show it.
pub(super) fn local(time: Duration) -> DateTime<Local> {
    SystemTime::UNIX_EPOCH.checked_add(time).unwrap_or(SystemTime::UNIX_EPOCH).into()
}
