//! How long until a letter is tried again, and when it is given up.

const MINUTE_MS: i64 = 60_000;
/// After the first try, the second and so on; then always the last. A busy server or a greylist (RFC 6647: minutes) passes
/// soon, a broken one takes hours.
const WAITS_MIN: [i64; 6] = [1, 5, 15, 60, 120, 240];
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// When to try next after `tries` that failed, ms since 1970; `None` if it is given up: it was queued more than `days` ago.
pub(super) fn next_ms(tries: u32, queued_ms: i64, days: u32, now_ms: i64) -> Option<i64> {
    if now_ms.saturating_sub(queued_ms) >= i64::from(days).saturating_mul(DAY_MS) {
        return None;
    }
    Some(now_ms.saturating_add(after_ms(tries)))
}

/// How long to wait after so many tries, ms.
pub(super) fn after_ms(tries: u32) -> i64 {
    let at = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let minutes = WAITS_MIN.get(at).or(WAITS_MIN.last()).copied().unwrap_or(60);
    minutes.saturating_mul(MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_it_is_given_up() {
        let minutes = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map(|tries| after_ms(tries) / MINUTE_MS);
        assert_eq!(minutes, [1, 1, 5, 15, 60, 120, 240, 240, 240]);
        // Tried as soon as it is due, in five days: the six waits are 441 minutes, then one in 240.
        let (mut now_ms, mut tries) = (1000, 1);
        while let Some(next_ms) = next_ms(tries, 1000, 5, now_ms) {
            assert!(next_ms > now_ms);
            (now_ms, tries) = (next_ms, tries + 1);
        }
        assert_eq!(tries, 1 + 6 + (5 * 1440 - 441_u32).div_ceil(240));
    }
}
