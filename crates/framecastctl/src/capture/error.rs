use std::io;

use pcap_file::DataLink;

use super::FRAME_LIMIT;

/// Why a file cannot be used as a capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened, read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It starts like no capture does.
    #[error("it is neither pcap nor pcapng")]
    NotACapture,
    /// It ends in the middle of something.
    #[error("it is truncated after frame {0}")]
    Truncated(usize),
    /// It is not what its format says.
    #[error("it is malformed after frame {0}: {1}")]
    Malformed(usize, String),
    /// Its frames are not those of Ethernet.
    #[error("frame {0} is not Ethernet but {1:?}")]
    NotEthernet(usize, DataLink),
    /// It holds only the beginning of a frame.
    #[error(
        "it holds only {captured} of the {length} bytes of frame {number}; capture whole frames"
    )]
    Cut {
        /// Which frame, from 1.
        number: usize,
        /// Bytes in the file.
        captured: usize,
        /// Bytes of the frame.
        length: u32,
    },
    /// It holds a frame that no network has.
    #[error("frame {number} has {length} bytes; captures hold at most {FRAME_LIMIT}")]
    TooLong {
        /// Which frame, from 1.
        number: usize,
        /// Its bytes.
        length: usize,
    },
    /// There is nothing in it.
    #[error("it holds no frames")]
    Empty,
    /// It cannot hold what was to be written.
    #[error("it cannot be written: {0}")]
    Unwritable(String),
}
