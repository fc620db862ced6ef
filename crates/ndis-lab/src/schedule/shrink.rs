//! The least that still fails.

use crate::schedule::Switch;

/// Leaves decisions out of a failing run for as long as it fails alike: halves first, then ever
/// smaller parts.
///
/// `fails` runs with some decisions and says, if the run fails alike, which decisions came about
/// (without some others may not) and what else is worth keeping of it. It is asked `attempts` times
/// at most. Returns the decisions that are needed, and what was kept of the last run that was
/// shorter than the one before.
pub fn shrink<T>(
    switches: Vec<Switch>,
    attempts: usize,
    mut fails: impl FnMut(&[Switch]) -> Option<(Vec<Switch>, T)>,
) -> (Vec<Switch>, Option<T>) {
    let (mut needed, mut kept, mut left) = (switches, None, attempts);
    let mut part = needed.len();
    while part > 0 && left > 0 {
        let mut at = 0;
        while at < needed.len() && left > 0 {
            left -= 1;
            let mut fewer = needed.clone();
            fewer.drain(at..(at + part).min(needed.len()));
            match fails(&fewer) {
                Some((came_about, run)) if came_about.len() < needed.len() => {
                    (needed, kept) = (came_about, Some(run));
                }
                _ => at += part,
            }
        }
        part /= 2;
    }
    (needed, kept)
}

#[cfg(test)]
mod tests {
    use super::shrink;
    use crate::schedule::Switch;

    #[test]
    fn only_the_decisions_that_matter_are_left() {
        let all: Vec<_> = (0..100).map(|point| Switch { thread: 0, point, to: 1 }).collect();
        let matter = |switch: &&Switch| switch.point == 17 || switch.point == 80;
        let (needed, kept) = shrink(all, 1000, |fewer| {
            let fails = fewer.iter().filter(matter).count() == 2;
            fails.then(|| (fewer.to_vec(), fewer.len()))
        });
        assert_eq!(needed.iter().map(|it| it.point).collect::<Vec<_>>(), [17, 80]);
        assert_eq!(kept, Some(2));
    }
}
