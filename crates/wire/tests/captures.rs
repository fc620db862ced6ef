use std::{
    io::Read,
    path::{Path, PathBuf},
};

use pcap_file::pcap::PcapReader;

/// A capture that comes with the project; `tests/data/README.md` tells what is in it.
pub(crate) fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name)
}

/// The frames of a capture.
pub(crate) fn frames_of(capture: impl Read) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(capture).expect("a capture");
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet.expect("a frame").data().to_vec());
    }
    frames
}
