use std::io::{self, Read, Write};

/// A message between a program and Wireshark's toolbar.
///
/// On the pipe: `T`, three bytes of length, most significant first, the number of the control, the
/// command, and as many bytes of text as the length says, less those two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The number of the control.
    pub(super) control: u8,
    pub(super) command: Command,
    pub(super) text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Wireshark is ready.
    Initialized,
    /// A control has this value.
    Set,
    /// A control's text goes on so.
    Add,
    /// This goes to the status bar.
    StatusBar,
    /// Any other.
    Other(u8),
}

impl Command {
    const fn number(self) -> u8 {
        match self {
            Self::Initialized => 0,
            Self::Set => 1,
            Self::Add => 2,
            Self::StatusBar => 6,
            Self::Other(number) => number,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Initialized,
            1 => Self::Set,
            2 => Self::Add,
            6 => Self::StatusBar,
            other => Self::Other(other),
        }
    }
}

impl Message {
    /// Reads the next; `None` at the end of the pipe, or where something else is on it.
    pub(super) fn read(source: &mut impl Read) -> Option<Self> {
        let mut head = [0; 6];
        source.read_exact(&mut head).ok()?;
        let [b'T', high, middle, low, control, command] = head else { return None };
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let mut text = vec![0; length.checked_sub(2)?];
        source.read_exact(&mut text).ok()?;
        Some(Self { control, command: Command::from_number(command), text })
    }

    /// Writes it.
    pub(super) fn write(&self, target: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.text.len() + 2).unwrap_or(u32::MAX);
        let [0, high, middle, low] = length.to_be_bytes() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        target.write_all(&[b'T', high, middle, low, self.control, self.command.number()])?;
        target.write_all(&self.text)?;
        target.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        for command in [Command::Initialized, Command::Add, Command::StatusBar, Command::Other(9)] {
            let message = Message { control: 3, command, text: b"lost".to_vec() };
            let mut bytes = Vec::new();
            message.write(&mut bytes).expect("written");
            assert_eq!(bytes[..6], [b'T', 0, 0, 6, 3, command.number()]);
            assert_eq!(Message::read(&mut bytes.as_slice()), Some(message));
        }
    }

    #[test]
    fn what_is_no_message_ends_the_reading() {
        for bytes in [b"".as_slice(), b"X\0\0\x02\0\0", b"T\0\0\x01\0\0", b"T\0\0\x09\0\0ab"] {
            assert_eq!(Message::read(&mut &bytes[..]), None);
        }
    }
}
