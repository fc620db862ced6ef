//! Planted breaches: each is a test that its rule is reported, and no other, and a line of the
//! table of rules.

use std::cell::RefCell;
use std::collections::BTreeSet;

use ndis_lab::{Driver, Lab, Rule};

/// A breach that a test plants.
pub(crate) struct Planted {
    pub(crate) rule: Rule,
    /// The test, with its module.
    pub(crate) place: &'static str,
}

inventory::collect!(Planted);

/// Defines a test that plants a breach of a rule: whatever its story does, from the start of its
/// drivers to their end, breaks that rule and no other.
macro_rules! planted {
    ($rule:ident, $name:ident, $story:expr) => {
        #[test]
        fn $name() {
            $crate::common::planted::check(ndis_lab::Rule::$rule, $story);
        }

        inventory::submit! {
            $crate::common::planted::Planted {
                rule: ndis_lab::Rule::$rule,
                place: concat!(module_path!(), "::", stringify!($name)),
            }
        }
    };
}

thread_local! {
    /// The drivers that this thread started, each with its lab.
    static STARTED: RefCell<Vec<(Lab, Driver)>> = RefCell::default();
}

/// Notes a driver that is about to start.
pub(crate) fn note(lab: &Lab, driver: &Driver) {
    STARTED.with_borrow_mut(|started| started.push((lab.clone(), driver.clone())));
}

/// Tells a story, ends its drivers, and demands that they broke this rule and no other.
#[track_caller]
pub(crate) fn check(rule: Rule, story: impl FnOnce()) {
    STARTED.take();
    story();
    let mut broken = BTreeSet::new();
    for (lab, driver) in STARTED.take() {
        let _ = driver.unload();
        broken.extend(lab.broken_rules());
    }
    let broken: Vec<Rule> = broken.into_iter().collect();
    assert_eq!(broken, [rule], "the story breaks its rule alone");
}
