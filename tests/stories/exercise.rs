//! The driver's whole life as seeds have it: `cargo xtask exercise` in small.

use framecast_tests::driver_file;
use ndis_lab::Strategy;
use ndis_lab::exercise::{Exercise, Interleaving};

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
fn a_seed_decides_everything_under_a_schedule() {
    for strategy in [Strategy::RandomWalk, Strategy::Pct { depth: 3 }] {
        let exercise = exercise().interleaving(Interleaving::Scheduled(strategy)).trace(true);
        for seed in [5, 6] {
            let first = exercise.story(seed).expect("the driver loads").trace;
            let again = exercise.story(seed).expect("the driver loads").trace;
            assert!(first.len() > 1000, "{} steps", first.len());
            let differs = first.iter().zip(&again).position(|(one, other)| one != other);
            assert!(first == again, "{strategy}, seed {seed}: step {differs:?} differs");
        }
    }
}

#[test]
fn the_driver_keeps_every_rule_on_any_number_of_processors_in_guarded_memory() {
    let way = Interleaving::Scheduled(Strategy::RandomWalk);
    for processors in [1, 2, 5] {
        let exercise = exercise().interleaving(way).processors(processors).guarded(true);
        for seed in 1..=5 {
            exercise.story(seed).expect("the driver loads").expect_clean();
        }
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
