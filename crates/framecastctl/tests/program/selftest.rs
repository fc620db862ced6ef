//! `selftest`, against the driver in the lab.

use crate::stage::Run;

#[test]
fn the_driver_passes_every_check() {
    let adapters = ["--adapter", "Uplink,backfill=256,context=64", "--adapter", "Span,mtu=9000"];
    for (adapter, target) in [("Uplink", "Span"), ("Span", "Uplink")] {
        let selftest = ["selftest", adapter, "--target", target, "--json"];
        let run = Run::in_lab(&[adapters.as_slice(), &selftest].concat());
        let outcome = run.json();
        let checks = outcome["checks"].as_array().expect("checks");
        for check in checks {
            assert_eq!(check["result"], "passed", "{check}");
        }
        assert_eq!(checks.len(), 15);
        run.expect_done();
    }
}

#[test]
fn traffic_of_others_does_not_disturb_it() {
    // There are frames of the same EtherType in it.
    let mixed = crate::stage::data("mixed.pcap");
    let mixed = crate::stage::text(&mixed);
    let adapter = format!("Uplink,timing=original,wire-from={mixed},above-from={mixed}");
    Run::in_lab(&["--adapter", &adapter, "selftest", "Uplink"]).expect_done();
}

#[test]
fn what_cannot_be_checked_is_told() {
    let run = Run::in_lab(&["selftest", "7"]);
    let printed = &run.expect_done().printed;
    assert!(printed.contains("14 passed, 0 failed, 1 not run"), "{printed}");
    assert!(printed.contains("name another adapter with --target"), "{printed}");
}
