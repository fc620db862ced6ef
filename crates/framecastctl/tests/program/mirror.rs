//! `mirror`.

use tempfile::tempdir;

use crate::stage::{Run, data, frames, text};

#[test]
fn a_mirror_sends_on_one_adapter_what_another_sees() {
    let folder = tempdir().expect("a folder");
    let span = folder.path().join("span.pcapng");
    let mixed = data("mixed.pcap");
    let (uplink, target) =
        (format!("Uplink,wire-from={}", text(&mixed)), format!("Span,wire-to={}", text(&span)));
    let adapters = ["--adapter", &uplink, "--adapter", &target];
    let add = ["mirror", "add", "Uplink", "Span", "--foreground", "--json"];
    let run = Run::in_lab(&[adapters.as_slice(), &add].concat());
    let mirror = &run.expect_done().json()[0];
    let lost: u64 = mirror["lost"]
        .as_object()
        .expect("reasons")
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!(
        (&mirror["source"]["name"], &mirror["target"]["name"]),
        (&"Uplink".into(), &"Span".into())
    );
    assert_eq!(lost, 0, "{mirror}");
    assert_eq!(frames(&span), frames(&mixed));

    Run::in_lab(&[adapters.as_slice(), &add, &["-f", "arp"]].concat()).expect_done();
    let is_arp = |frame: &Vec<u8>| frame.get(12..14) == Some(&[0x08, 0x06]);
    let expected: Vec<_> = frames(&mixed).into_iter().filter(is_arp).collect();
    assert!(!expected.is_empty());
    assert_eq!(frames(&span), expected);

    let tag = ["--vlan", "7", "--priority", "3"];
    Run::in_lab(&[adapters.as_slice(), &add, &tag].concat()).expect_done();
    let tagged = |mut frame: Vec<u8>| {
        frame.splice(12..12, [0x81, 0x00, 0x60, 0x07]);
        frame
    };
    let tagged: Vec<_> = frames(&mixed).into_iter().map(tagged).collect();
    // Where there is no room for a tag more, the frame is not sent.
    let sent = frames(&span);
    assert!(!sent.is_empty() && sent.iter().all(|frame| tagged.contains(frame)));
}

#[test]
fn mirrors_that_cannot_be_are_refused() {
    let adapters = ["--adapter", "a", "--adapter", "b"];
    let run = Run::in_lab(&[adapters.as_slice(), &["mirror", "add", "a", "a"]].concat());
    run.expect_failure(
        4,
        "MirrorAdd failed: its frames would come back to where they came from (0xC0000265)",
    );
    Run::in_lab(&["mirror", "remove", "9"]).expect_failure(
        4,
        "MirrorRemove failed: there is no such adapter, mirror or tap (0xC0000225)",
    );
    let run = Run::in_lab(&[adapters.as_slice(), &["mirror", "add", "a", "b"]].concat());
    assert_eq!(run.expect_done().printed, "mirror 1 sends the frames of a on b\n");
    assert_eq!(
        Run::in_lab(&["mirror", "list", "--json"]).expect_done().json(),
        serde_json::json!([])
    );
}
