//! What was written down of each exporter's sessions: what counters do not tell.

use super::patient::{Patient, Spread, Template};
use std::collections::BTreeMap;
use std::ops::Range;
use weir_flow::Addr;
use weir_flow::names::Version;
use weir_flow::session::record::Exporter as Session;

/// Gives every patient its sessions that were heard in the range, ms since 1970. Sessions of before it are of no
/// matter: an exporter that restarts may come back from another port each time.
pub(super) fn take(sessions: Vec<Session>, range: &Range<i64>, patients: &mut BTreeMap<Addr, Patient>) {
    for session in sessions.into_iter().filter(|s| range.contains(&s.last)) {
        let Ok(address) = session.address.parse() else { continue };
        let Some(patient) = patients.get_mut(&address) else { continue };
        patient.sessions.push(session);
    }
    for patient in patients.values_mut().filter(|p| !p.sessions.is_empty()) {
        settle(patient, range);
    }
}

fn settle(patient: &mut Patient, range: &Range<i64>) {
    let sessions = &patient.sessions;
    let first = sessions.iter().map(|s| s.first).min().filter(|first| range.contains(first));
    patient.first = first.or(patient.first);
    patient.last = sessions.iter().map(|s| s.last).max().or(patient.last);
    patient.wraps = sessions.iter().map(|s| s.wraps).sum();
    patient.offset = offset(sessions);
    patient.enterprises.extend(sessions.iter().flat_map(|s| &s.enterprises));
    let words = sessions.iter().map(|s| s.protocol.as_str());
    patient.versions.extend(words.filter_map(|w| Version::ALL.iter().find(|v| v.word() == w)));
    // How often a template comes is not written down, only when it last came.
    let template = |t: &weir_flow::session::record::Template| Template {
        id: t.id,
        refreshed: t.refreshed,
        every_ms: None,
    };
    patient.templates = sessions.iter().flat_map(|s| s.templates.iter().map(template)).collect();
}

/// Arrival less export, of the last minute of each session: all sessions are of one clock.
fn offset(sessions: &[Session]) -> Option<Spread> {
    let least = sessions.iter().filter_map(|s| s.offset_ms).map(|(least, ..)| least).min()?;
    let greatest = sessions.iter().filter_map(|s| s.offset_ms).map(|(_, greatest, _)| greatest).max()?;
    let newest = sessions.iter().filter(|s| s.offset_ms.is_some()).max_by_key(|s| s.last)?;
    let (_, _, median) = newest.offset_ms?;
    Some(Spread { least, median, greatest })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Addr = Addr::v4([192, 0, 2, 1]);

    fn session(first: i64, last: i64, offset_ms: Option<(i64, i64, i64)>) -> Session {
        Session {
            address: "192.0.2.1".to_owned(),
            protocol: Version::Ipfix.word().to_owned(),
            first,
            last,
            offset_ms,
            enterprises: vec![2636],
            wraps: 1,
            ..Session::default()
        }
    }

    #[test]
    fn sessions_of_the_span_are_one_exporter() {
        let mut patients = BTreeMap::from([(A, Patient { first: Some(0), ..Patient::default() })]);
        let sessions = vec![
            session(500, 5_000, Some((-100, 900, 100))),
            session(2_000, 9_000, Some((-50, 1_900, 800))),
            session(3_000, 3_000, None),
            session(100, 999, Some((90_000, 90_000, 90_000))),
            Session { address: "198.51.100.1".to_owned(), last: 2_000, ..Session::default() },
        ];
        take(sessions, &(1_000..10_000), &mut patients);
        let patient = &patients[&A];
        assert_eq!(patients.len(), 1);
        assert_eq!(patient.sessions.len(), 3);
        assert_eq!((patient.first, patient.last, patient.wraps), (Some(0), Some(9_000), 3));
        assert_eq!(patient.offset, Some(Spread { least: -100, median: 800, greatest: 1_900 }));
        assert!(patient.versions.contains(&Version::Ipfix) && patient.enterprises.contains(&2636));
    }
}
