//! Where the driver's own frames lie is told by addresses alone, so it is tried away from any kernel.

#[path = "../../src/ndis/territory.rs"]
#[allow(unreachable_pub, reason = "public in the driver")]
mod subject;

use proptest::prelude::*;
use std::ops::Range;
use subject::Territory;

/// What happens to territories: one comes, or one of those that are there goes.
#[derive(Debug, Clone)]
enum Change {
    Comes(Range<usize>),
    Goes(prop::sample::Index),
}

/// Memory as pools have it: aligned, some of it side by side, and some where the last digits of the
/// granules' numbers are those of others.
fn memory() -> impl Strategy<Value = Range<usize>> {
    let starts = prop_oneof![
        1_usize..0x4000,
        (1_usize..4, 1_usize..0x400).prop_map(|(far, near)| { (far << 24) + near })
    ];
    let sizes = prop_oneof![1_usize..0x100, Just(0x1000), Just(0x8000)];
    (starts, sizes).prop_map(|(start, size)| start * 16..(start + size) * 16)
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        3 => memory().prop_map(Change::Comes),
        2 => any::<prop::sample::Index>().prop_map(Change::Goes),
    ];
    prop::collection::vec(change, 1..40)
}

/// Marks as many territories as there may be.
fn most() -> Vec<Territory> {
    (1..).map_while(|number| Territory::new(number << 20, 16)).collect()
}

// One test: there is one map of the memory, as there is one driver.
#[test]
fn an_address_is_held_while_a_territory_has_it_and_no_longer() {
    proptest!(ProptestConfig::with_cases(500), |(changes in changes())| {
        let mut there: Vec<(Range<usize>, Territory)> = Vec::new();
        let mut edges = vec![16, 1 << 16];
        for change in changes {
            match change {
                Change::Comes(memory) => {
                    let overlaps =
                        |(other, _): &(Range<usize>, _)| other.start < memory.end && memory.start < other.end;
                    if there.iter().any(overlaps) {
                        continue;
                    }
                    edges.extend([memory.start, memory.end]);
                    let territory = Territory::new(memory.start, memory.len());
                    there.push((memory, territory.expect("there are few")));
                }
                Change::Goes(index) if !there.is_empty() => {
                    there.swap_remove(index.index(there.len()));
                }
                Change::Goes(_) => {}
            }
            let far = edges.iter().map(|edge| edge + (4096 << 16));
            for address in edges.iter().copied().chain(far).flat_map(|at| [at - 1, at, at + 1]) {
                let expected = there.iter().any(|(memory, _)| memory.contains(&address));
                prop_assert_eq!(Territory::holds(address), expected, "{:#x}", address);
            }
        }
    });
    let all = most();
    assert_eq!(all.len(), 254);
    assert!((1..=254).all(|number| Territory::holds(number << 20)));
    drop(all);
    assert_eq!(most().len(), 254, "places are used again");
    assert!(!Territory::holds(1 << 20));
}
