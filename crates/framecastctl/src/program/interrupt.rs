//! Ctrl-C, and the signal that Wireshark ends its helpers with.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::show;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on the first one ends what is under way, so that files are whole; the second ends the
/// program.
pub(super) fn install() {
    let installed = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Release) {
            std::process::exit(130);
        }
    });
    if let Err(error) = installed {
        show::aside(format_args!("framecastctl: Ctrl-C will end it at once: {error}"));
    }
}

/// Whether there was one.
pub(super) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Acquire)
}

/// Sleeps until a time, or until there is one.
pub(super) fn sleep_until(due: Instant) {
    const STEP: Duration = Duration::from_millis(50);
    loop {
        let now = Instant::now();
        if now >= due || is_interrupted() {
            return;
        }
        thread::sleep(due.duration_since(now).min(STEP));
    }
}
