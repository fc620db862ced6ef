//! Nothing is allocated.

use allocation_counter::measure;
use wire::{
    CaptureFilter, Checksums, Instruction, Offloads, Segmentation, Tag, Transmission, Workspace,
};

use crate::captures::{frames_of, recorded};

#[test]
fn nothing_is_allocated() {
    let large = frames_of(std::fs::File::open(recorded("large-segments.pcap")).expect("a capture"));
    let instructions = [
        Instruction { code: 0x80, ..Instruction::default() },
        Instruction { code: 0x16, ..Instruction::default() },
    ];
    let offloads = |frame: &[u8]| Offloads {
        tag: Some(Tag(1)),
        checksums: Checksums { ipv4: true, tcp: true, udp: true },
        segmentation: (frame.len() > 1514).then_some(Segmentation::TcpV2 { mss: 1400 }),
        ..Offloads::default()
    };
    let (mut frames, mut errors, mut kept) = (0, 0, 0_u64);
    let allocations = measure(|| {
        let filter = CaptureFilter::new(&instructions[..]).expect("sound");
        let mut workspace = Workspace::new();
        for frame in &large {
            let sent =
                Transmission::new(&frame[..], offloads(frame), 1514, Some(Tag(2)), &mut workspace);
            let Ok(mut sent) = sent else {
                errors += 1;
                continue;
            };
            while let Some(on_the_wire) = sent.next_frame().expect("readable") {
                frames += 1;
                kept += u64::from(filter.run(&on_the_wire).expect("readable"));
            }
        }
    });
    assert_eq!(allocations.count_total, 0);
    // The large datagrams are not TCP.
    assert_eq!(errors, 10);
    assert!(frames > 1000 && kept > 1_000_000, "{frames} frames, {kept} bytes");
}
