//! Rows whose sampling interval is not known, and who waits for it.
//!
//! They are kept as measured and marked. When options say the interval after all, a [`Rescale`] goes with the
//! batch, and whoever holds those rows by then scales them.

use crate::names::SamplingSource;
use crate::{Addr, Rescale};

/// Samplers of unknown interval that are remembered apart; rows of more are taken for rows of none.
const SAMPLERS_MAX: usize = 64;

/// Since when there are rows of unknown sampling, ms since 1970: by sampler, and of those that name none.
///
/// Arrivals need not follow each other: clocks are set back, and a set that was held brings the time it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    since: Option<i64>,
    samplers: Vec<(u64, i64)>,
    /// The latest arrival of any. It is not remembered: behind a restart it may have been any time.
    latest: i64,
}

impl Default for Unknown {
    fn default() -> Self {
        Self { since: None, samplers: Vec::new(), latest: i64::MIN }
    }
}

/// What an interval was learned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Sampler(u64),
    Interface(u32),
    Domain,
}

impl Unknown {
    /// Takes note of a row; true if that is news.
    pub(super) fn note(&mut self, sampler: Option<u64>, received: i64) -> bool {
        self.latest = self.latest.max(received);
        let known =
            sampler.filter(|id| *id != 0).map(|id| (id, self.samplers.iter().position(|s| s.0 == id)));
        let since = match known {
            Some((_, Some(at))) => self.samplers.get_mut(at).map(|(_, since)| since),
            Some((id, None)) if self.samplers.len() < SAMPLERS_MAX => {
                self.samplers.push((id, received));
                return true;
            }
            _ => self.since.as_mut(),
        };
        match since {
            Some(since) if *since <= received => false,
            Some(since) => {
                *since = received;
                true
            }
            None => {
                self.since = Some(received);
                true
            }
        }
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_empty(&self) -> bool {
        self.since.is_none() && self.samplers.is_empty()
    }

    /// The first row of all.
    pub(super) fn first(&self) -> Option<i64> {
        self.samplers.iter().map(|(_, since)| *since).chain(self.since).min()
    }

    /// The interval of some of them was learned at `now`: what is to be scaled.
    pub(super) fn settle(
        &mut self,
        whose: For,
        interval: u32,
        (exporter, domain): (Addr, u32),
        now: i64,
    ) -> Option<Rescale> {
        let until = now.max(self.latest);
        let scale = |from, sampler, ingress_if, source| Rescale {
            exporter,
            domain,
            sampler,
            ingress_if,
            from,
            until,
            interval,
            source,
        };
        match whose {
            For::Sampler(id) => {
                let at = self.samplers.iter().position(|(known, _)| *known == id);
                let from = match at {
                    Some(at) => self.samplers.swap_remove(at).1,
                    // Among those of which there were too many to keep apart.
                    None if self.samplers.len() >= SAMPLERS_MAX => self.first()?,
                    None => return None,
                };
                Some(scale(from, Some(id), None, SamplingSource::Sampler))
            }
            For::Interface(index) => Some(scale(self.first()?, None, Some(index), SamplingSource::Interface)),
            For::Domain => {
                let from = self.first()?;
                *self = Self::default();
                Some(scale(from, None, None, SamplingSource::Options))
            }
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.since.is_some())];
        out.extend_from_slice(&self.since.unwrap_or_default().to_be_bytes());
        for (id, since) in &self.samplers {
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&since.to_be_bytes());
        }
        out
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let ([known], value) = value.split_first_chunk()?;
        let (since, value) = value.split_first_chunk()?;
        let (pairs, rest) = value.as_chunks::<16>();
        let samplers = pairs.iter().filter_map(|pair| {
            let (id, since) = (pair.first_chunk::<8>()?, pair.last_chunk::<8>()?);
            Some((u64::from_be_bytes(*id), i64::from_be_bytes(*since)))
        });
        let since = (*known == 1).then(|| i64::from_be_bytes(*since));
        let samplers = samplers.take(SAMPLERS_MAX).collect();
        rest.is_empty().then_some(Self { since, samplers, latest: i64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_for_its_own() {
        let whose = (Addr::v4([192, 0, 2, 1]), 3);
        let mut unknown = Unknown::default();
        assert!(unknown.note(Some(1), 10));
        assert!(!unknown.note(Some(1), 20));
        assert!(unknown.note(Some(0), 30));
        assert!(unknown.note(Some(2), 40));
        let again = Unknown::decode(&unknown.encode()).unwrap();
        assert_eq!(
            again,
            Unknown { latest: i64::MAX, since: unknown.since, samplers: unknown.samplers.clone() }
        );
        let late = unknown.settle(For::Sampler(2), 100, whose, 50).unwrap();
        assert_eq!((late.from, late.until, late.sampler), (40, 50, Some(2)));
        assert_eq!(unknown.settle(For::Sampler(2), 100, whose, 60), None);
        let late = unknown.settle(For::Interface(7), 100, whose, 70).unwrap();
        assert_eq!((late.from, late.ingress_if), (10, Some(7)));
        let late = unknown.settle(For::Domain, 100, whose, 80).unwrap();
        assert_eq!((late.from, late.sampler, late.ingress_if), (10, None, None));
        assert!(unknown.is_empty());
        assert_eq!(unknown.settle(For::Domain, 100, whose, 90), None);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_row_out() {
        let whose = (Addr::v4([192, 0, 2, 1]), 3);
        let mut unknown = Unknown::default();
        for (received, is_news) in [(100, true), (200, false), (50, true), (60, false)] {
            assert_eq!(unknown.note(None, received), is_news, "{received}");
            assert_eq!(unknown.note(Some(4), received), is_news, "{received}");
        }
        let mut again = Unknown::decode(&unknown.encode()).unwrap();
        let late = unknown.settle(For::Sampler(4), 10, whose, 70).unwrap();
        assert_eq!((late.from, late.until), (50, 200));
        let late = unknown.settle(For::Domain, 10, whose, 70).unwrap();
        assert_eq!((late.from, late.until), (50, 200));
        let late = again.settle(For::Domain, 10, whose, 70).unwrap();
        assert_eq!((late.from, late.until), (50, i64::MAX));
    }
}
