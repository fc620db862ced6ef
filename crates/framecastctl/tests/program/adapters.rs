//! `adapters`, and how adapters are named.

use serde_json::json;

use crate::stage::Run;

#[test]
fn adapters_are_listed_with_all_that_the_driver_tells() {
    let run = Run::in_lab(&[
        "--adapter",
        "Uplink,mac=02:00:5e:10:00:09,mtu=9000,backfill=256,context=64",
        "--adapter",
        "Span",
        "adapters",
        "--json",
    ]);
    let adapters = run.expect_done().json();
    assert_eq!(adapters.as_array().map(Vec::len), Some(2));
    let uplink = &adapters[0];
    for (key, value) in [
        ("name", json!("Uplink")),
        ("mac", json!("02:00:5e:10:00:09")),
        ("state", json!("running")),
        ("mtu", json!(9000)),
        ("max_frame", json!(9014)),
        ("data_backfill", json!(256)),
        ("context_backfill", json!(64)),
        ("frame_buffers_free", uplink["frame_buffers"].clone()),
    ] {
        assert_eq!(uplink[key], value, "{key}");
    }
    assert_eq!(adapters[1]["name"], "Span");
}

#[test]
fn an_adapter_is_known_by_each_of_its_names() {
    let adapters = ["--adapter", "Uplink", "--adapter", "Upstream"];
    for name in [
        "7",
        "0x6000001000000",
        "{8C2F15F4-3B0E-4A35-9B1F-6F1E0A000001}",
        "upl",
        "02:00:5e:10:00:01",
    ] {
        Run::in_lab(&[adapters.as_slice(), &["counters", name]].concat()).expect_done();
    }
    Run::in_lab(&[adapters.as_slice(), &["counters", "up"]].concat())
        .expect_failure(2, "'up' may be 'Uplink (7)' or 'Upstream (8)'; say more of its name");
    Run::in_lab(&[adapters.as_slice(), &["counters", "Wi-Fi"]].concat())
        .expect_failure(2, "there is no adapter 'Wi-Fi'; there are 'Uplink (7)', 'Upstream (8)'");
}

#[test]
fn a_lab_is_described_by_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lab.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    let file_name = file.to_str().expect("text");
    write("[[adapter]]\nname = \"Uplink\"\nmtu = 9000\n[[adapter]]\nmac = \"02:00:5e:10:00:77\"\n");
    let run = Run::of(&["--lab-config", file_name, "adapters", "--json"]);
    let adapters = run.expect_done().json();
    assert_eq!(adapters[0]["mtu"], 9000);
    assert_eq!(
        (&adapters[1]["name"], &adapters[1]["mac"]),
        (&json!("Lab 2"), &json!("02:00:5e:10:00:77"))
    );

    write("[[adapter]]\ncolour = \"red\"\n");
    let run = Run::of(&["--lab-config", file_name, "adapters"]);
    assert_eq!(run.status, Some(2));
    assert!(
        run.said.contains("lab.toml: at line 2") && run.said.contains("colour"),
        "{}",
        run.said
    );
    assert_eq!(run.said.lines().count(), 1);
}
