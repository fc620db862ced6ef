use std::{
    fs::{File, OpenOptions},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::control::{Command, Message};
use crate::program::failure::Failure;

/// The controls of Wireshark's toolbar for these interfaces.
pub(super) const CONTROLS: &str = "\
control {number=0}{type=boolean}{display=Hold}{tooltip=Leave out frames while this is on}
control {number=1}{type=button}{role=logger}{display=Log}{tooltip=What the driver said}";

const HOLD: u8 = 0;
const LOG: u8 = 1;

/// Wireshark's toolbar, where there is one: tshark has none.
pub(super) struct Toolbar {
    out: Option<File>,
    held: Arc<AtomicBool>,
}

impl Toolbar {
    /// Opens the pipes to it.
    pub(super) fn open(input: Option<&Path>, output: Option<&Path>) -> Result<Self, Failure> {
        let held = Arc::new(AtomicBool::new(false));
        // Wireshark opens both in this order; either waits for the other side.
        if let Some(path) = input {
            let (path, held) = (path.to_owned(), Arc::clone(&held));
            thread::spawn(move || {
                if let Ok(mut input) = File::open(path) {
                    listen(&mut input, &held);
                }
            });
        }
        let out = match output {
            Some(path) => {
                let opened = OpenOptions::new().write(true).open(path);
                let wrong = |source| Failure::File { file: path.to_owned(), source };
                Some(opened.map_err(wrong)?)
            }
            None => None,
        };
        Ok(Self { out, held })
    }

    /// Whether frames are to be left out.
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Adds a line to the log.
    pub(super) fn log(&mut self, line: &str) {
        self.say(LOG, Command::Add, &format!("{line}\n"));
    }

    /// Adds a line to the log, and shows it on the status bar.
    pub(super) fn warn(&mut self, line: &str) {
        self.log(line);
        self.show(line);
    }

    /// Shows a line on the status bar.
    pub(super) fn show(&mut self, line: &str) {
        self.say(LOG, Command::StatusBar, line);
    }

    fn say(&mut self, control: u8, command: Command, text: &str) {
        let message = Message { control, command, text: text.as_bytes().to_vec() };
        if let Some(out) = &mut self.out
            && message.write(out).is_err()
        {
            // Nobody listens any more, which is no reason to end the capture.
            self.out = None;
        }
    }
}

fn listen(input: &mut File, held: &AtomicBool) {
    while let Some(message) = Message::read(input) {
        if message.control == HOLD && message.command == Command::Set {
            held.store(message.text.first().is_some_and(|value| *value != 0), Ordering::Release);
        }
    }
}
