use indicatif::{ProgressBar, ProgressStyle};

/// A line on the terminal that says how far a command is; nothing where there is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Hidden where something else is shown.
    pub(super) fn new(shown: bool) -> Self {
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn show(&self, message: String) {
        self.0.set_message(message);
        self.0.tick();
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
