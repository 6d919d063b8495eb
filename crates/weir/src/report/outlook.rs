//! How long the disk lasts, as a sentence.

use super::number;
use serde_json::{Value as Json, json};
use weir_account::Unit;
use weir_store::Forecast;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// As: the store takes 1.2 GB of 200 GB; at the pace of the last days there is room for 43 days of detail, 9 years of
/// accounts.
pub(crate) fn sentence(forecast: &Forecast, unit: Unit) -> String {
    let (used, limit) = (forecast.space.total(), forecast.limit);
    let begin = format!("the store takes {} of {}", number::octets(used, unit), number::octets(limit, unit));
    match (forecast.detail_ms, forecast.accounts_ms) {
        (None, None) => format!("{begin}; there is less than an hour to judge by how long that lasts"),
        (detail, accounts) => {
            let detail = detail.map(|ms| format!("{} of detail", long(ms)));
            let accounts = accounts.map(|ms| format!("{} of accounts", long(ms)));
            let both: Vec<String> = [detail, accounts].into_iter().flatten().collect();
            format!("{begin}; at the pace of the last days there is room for {}", both.join(", "))
        }
    }
}

/// The same as JSON: bytes and milliseconds, null where there is less than an hour to judge by.
pub(crate) fn document(forecast: &Forecast) -> Json {
    let Forecast { space, limit, segments_per_day, accounts_per_day, detail_ms, accounts_ms } = forecast;
    json!({
        "used_bytes": space.total(),
        "flow_bytes": space.segments,
        "account_bytes": space.accounts,
        "journal_bytes": space.journal,
        "other_bytes": space.other,
        "limit_bytes": limit,
        "flow_bytes_per_day": segments_per_day,
        "account_bytes_per_day": accounts_per_day,
        "detail_lasts_ms": detail_ms,
        "accounts_last_ms": accounts_ms,
    })
}

/// A length of time that need not be exact, rounded down.
fn long(ms: i64) -> String {
    let days = ms / DAY_MS;
    match days {
        0 => number::things((ms / HOUR_MS).unsigned_abs(), "hour"),
        1..=999 => number::things(days.unsigned_abs(), "day"),
        _ if days / 365 > 100 => "more than 100 years".to_owned(),
        _ => number::things((days / 365).unsigned_abs(), "year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_store::Space;

    #[test]
    fn what_is_known_is_said_and_no_more() {
        let space = Space { segments: 1_000_000_000, accounts: 200_000_000, ..Space::default() };
        let mut forecast = Forecast {
            space,
            limit: 200_000_000_000,
            segments_per_day: Some(1),
            accounts_per_day: Some(1),
            detail_ms: Some(43 * DAY_MS + HOUR_MS),
            accounts_ms: Some(3300 * DAY_MS),
        };
        let said = sentence(&forecast, Unit::default());
        assert!(said.ends_with("room for 43 days of detail, 9 years of accounts"), "{said}");
        let said = document(&forecast);
        assert_eq!(
            (&said["used_bytes"], &said["account_bytes"]),
            (&json!(1_200_000_000), &json!(200_000_000))
        );
        assert_eq!(said["detail_lasts_ms"], json!(43 * DAY_MS + HOUR_MS));
        forecast.detail_ms = None;
        forecast.accounts_ms = None;
        let said = sentence(&forecast, Unit::default());
        assert!(said.ends_with("less than an hour to judge by how long that lasts"), "{said}");
        assert_eq!((long(5 * HOUR_MS).as_str(), long(i64::MAX).as_str()), ("5 hours", "more than 100 years"));
    }
}
