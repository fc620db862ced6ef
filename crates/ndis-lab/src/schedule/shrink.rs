//! The least that still fails.

/// Leaves things out for as long as what is left fails alike: halves first, then ever smaller
/// parts.
///
/// `fails` tries with some of the things and says, if it fails alike, which of them came about
/// (without some others may not) and what else is worth keeping. It is asked `attempts` times at
/// most. Returns the things that are needed, and what was kept of the last try that failed with
/// fewer than before.
pub fn shrink<I: Clone, T>(
    things: Vec<I>,
    attempts: usize,
    mut fails: impl FnMut(&[I]) -> Option<(Vec<I>, T)>,
) -> (Vec<I>, Option<T>) {
    let (mut needed, mut kept, mut left) = (things, None, attempts);
    let mut part = needed.len().div_ceil(2);
    while !needed.is_empty() && left > 0 {
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
        if part == 1 {
            break;
        }
        part = part.div_ceil(2);
    }
    (needed, kept)
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn only_what_matters_is_left() {
        for all in [0, 1, 2, 3, 100] {
            let matter: Vec<u32> = [0, 2, 80].into_iter().filter(|it| *it < all).collect();
            let (needed, _) = shrink((0..all).collect(), 1000, |fewer| {
                let fails = matter.iter().all(|it| fewer.contains(it));
                fails.then(|| (fewer.to_vec(), ()))
            });
            assert_eq!(needed, matter, "of {all}");
        }
    }

    #[test]
    fn what_was_kept_is_of_the_last_that_failed_with_fewer() {
        let fails = |fewer: &[u32]| fewer.contains(&7).then(|| (fewer.to_vec(), fewer.len()));
        assert_eq!(shrink((0..10).collect(), 1000, fails), (vec![7], Some(1)));
        assert_eq!(shrink(vec![7], 1000, fails), (vec![7], None));
    }

    #[test]
    fn attempts_are_bounded() {
        let mut asked = 0;
        let never = |_: &[u32]| -> Option<(Vec<u32>, ())> {
            asked += 1;
            None
        };
        assert_eq!(shrink((0..1000).collect(), 50, never).0.len(), 1000);
        assert_eq!(asked, 50);
    }
}
