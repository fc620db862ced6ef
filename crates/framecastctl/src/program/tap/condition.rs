use std::{str::FromStr, time::Duration};

/// When a tap ends, or another file begins, as dumpcap takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// After a time.
    Duration(Duration),
    /// When a file has so many bytes.
    FileSize(u64),
    /// After so many files; for a ring, how many are kept.
    Files(u64),
    /// After so many frames.
    Packets(u64),
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("it has to be CONDITION:NUMBER")?;
        let number = match value.parse::<u64>() {
            Ok(0) | Err(_) => return Err(format!("'{value}' has to be a whole number from 1")),
            Ok(number) => number,
        };
        match name {
            "duration" => Ok(Self::Duration(Duration::from_secs(number))),
            "filesize" => Ok(Self::FileSize(number.saturating_mul(1000))),
            "files" => Ok(Self::Files(number)),
            "packets" => Ok(Self::Packets(number)),
            _ => Err(format!(
                "there is no condition '{name}'; there are duration, filesize, files and packets"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_those_of_dumpcap() {
        let read = str::parse::<Condition>;
        assert_eq!(read("duration:2"), Ok(Condition::Duration(Duration::from_secs(2))));
        assert_eq!(read("filesize:3"), Ok(Condition::FileSize(3000)));
        assert_eq!(read("files:4"), Ok(Condition::Files(4)));
        assert_eq!(read("packets:5"), Ok(Condition::Packets(5)));
        for text in ["", "duration", "duration:", "duration:0", "files:-1", "size:1", "files:1.5"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
