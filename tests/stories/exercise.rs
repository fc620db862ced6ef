//! The driver's whole life as seeds have it: `cargo xtask exercise` in small.

use framecast_tests::driver_file;
use ndis_lab::exercise::Exercise;

/// Stories of the driver, and of hostile programs that know its requests.
fn exercise() -> Exercise {
    let codes = xtask::exercise::codes().expect("requests");
    codes
        .into_iter()
        .fold(Exercise::new(driver_file()), |exercise, (code, input)| exercise.code(code, input))
}

#[test]
fn the_driver_keeps_every_rule_whatever_happens_at_the_same_time() {
    let exercise = exercise();
    for seed in 1..=100 {
        exercise.story(seed).expect("the driver loads").expect_clean();
    }
}

#[test]
fn the_driver_keeps_every_rule_whichever_allocation_fails() {
    let exercise = exercise().steps(6);
    for seed in 1..=2 {
        for fault in 1.. {
            let outcome = exercise.story_with_fault(seed, fault).expect("the driver loads");
            let struck = outcome.struck();
            outcome.expect_clean();
            if !struck {
                break;
            }
        }
    }
}
