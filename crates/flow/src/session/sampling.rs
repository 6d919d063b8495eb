//! Where a record's sampling interval comes from, best source first: the operator's override, the record
//! itself, the sampler it names, its interface, the options of the domain, the header, the operator's default.
//!
//! An interval of 0 is unknown, not a factor. What is unknown stays unknown: the record is kept, its octets
//! as measured, and marked.

use super::gather::Records;
use super::late::For;
use super::plan::Plan;
use crate::names::SamplingSource;
use hashbrown::HashMap;

/// Samplers remembered per session: routers have a handful.
const SAMPLERS_MAX: usize = 1024;
/// Interfaces remembered per session: a large chassis has some thousands.
const INTERFACES_MAX: usize = 16_384;

/// An interval and where it was learned; `None` is unknown.
pub(super) type Interval = Option<(u32, SamplingSource)>;

/// What one session knows of sampling.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    overriding: Option<u32>,
    default: Option<u32>,
    domain: Option<u32>,
    samplers: HashMap<u64, u32, foldhash::fast::RandomState>,
    interfaces: HashMap<u32, u32, foldhash::fast::RandomState>,
}

/// One options record's say about sampling.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// The sampler (48) or selector (302) it speaks of.
    pub(super) sampler: Option<u64>,
    /// The interface it speaks of.
    pub(super) interface: Option<u64>,
    /// 34, 50, or 305: an interval, or the packets taken of each interval and space.
    pub(super) interval: Option<u64>,
    /// 305 stands for packets taken together, with 306 the packets left out between.
    pub(super) space: Option<u64>,
    /// 309 of 310 packets.
    pub(super) size: Option<u64>,
    pub(super) population: Option<u64>,
}

/// What came of an options record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Learned {
    /// It says nothing of sampling, or nothing new.
    Nothing,
    /// An interval where none was known.
    New(For, u32),
    /// Another interval than before.
    Changed(For, u32),
    /// There was no room to remember it.
    NoRoom,
}

impl For {
    /// What it is remembered by.
    pub(super) fn encode(self) -> Vec<u8> {
        match self {
            Self::Domain => vec![0],
            Self::Sampler(id) => [&[1][..], &id.to_be_bytes()].concat(),
            Self::Interface(index) => [&[2][..], &index.to_be_bytes()].concat(),
        }
    }

    pub(super) fn decode(octets: &[u8]) -> Option<Self> {
        match octets.split_first()? {
            (0, []) => Some(Self::Domain),
            (1, id) => Some(Self::Sampler(u64::from_be_bytes(id.try_into().ok()?))),
            (2, index) => Some(Self::Interface(u32::from_be_bytes(index.try_into().ok()?))),
            _ => None,
        }
    }
}

impl Said {
    /// 1 in how many, if it says so: never 0.
    fn one_in(&self) -> Option<u32> {
        let interval = match (self.interval, self.space, self.size, self.population) {
            (Some(taken), Some(space), _, _) if taken > 0 => taken.checked_add(space)? / taken,
            (Some(interval), None, _, _) => interval,
            (_, _, Some(size), Some(population)) if size > 0 => population / size,
            _ => return None,
        };
        u32::try_from(interval).ok().filter(|n| *n > 0)
    }
}

impl Sampling {
    /// With what the operator says.
    pub(super) fn new(overriding: Option<u32>, default: Option<u32>) -> Self {
        Self { overriding, default, ..Self::default() }
    }

    /// The operator says otherwise from now on.
    pub(super) fn renew(&mut self, overriding: Option<u32>, default: Option<u32>) {
        (self.overriding, self.default) = (overriding, default);
    }

    /// Takes in what an options record says.
    pub(super) fn learn(&mut self, said: Said) -> Learned {
        let Some(one_in) = said.one_in() else { return Learned::Nothing };
        let interface = said.interface.and_then(|index| u32::try_from(index).ok());
        let whose = match (said.sampler, interface) {
            (Some(id), _) => For::Sampler(id),
            (None, Some(index)) => For::Interface(index),
            (None, None) => For::Domain,
        };
        self.set(whose, one_in)
    }

    /// Takes in an interval, said now or remembered.
    pub(super) fn set(&mut self, whose: For, one_in: u32) -> Learned {
        let before = match whose {
            For::Sampler(id) if self.samplers.len() < SAMPLERS_MAX || self.samplers.contains_key(&id) => {
                self.samplers.insert(id, one_in)
            }
            For::Interface(i)
                if self.interfaces.len() < INTERFACES_MAX || self.interfaces.contains_key(&i) =>
            {
                self.interfaces.insert(i, one_in)
            }
            For::Domain => self.domain.replace(one_in),
            _ => return Learned::NoRoom,
        };
        match before {
            Some(before) if before == one_in => Learned::Nothing,
            Some(_) => Learned::Changed(whose, one_in),
            None => Learned::New(whose, one_in),
        }
    }

    /// Whether what options say later could still matter for a row of this interval.
    pub(super) fn is_open(interval: Interval) -> bool {
        matches!(interval, None | Some((_, SamplingSource::Default)))
    }

    /// The intervals that options said, for those who show them.
    pub(super) fn said(&self) -> impl Iterator<Item = (For, u32)> {
        let samplers = self.samplers.iter().map(|(id, n)| (For::Sampler(*id), *n));
        let interfaces = self.interfaces.iter().map(|(index, n)| (For::Interface(*index), *n));
        self.domain.iter().map(|n| (For::Domain, *n)).chain(samplers).chain(interfaces)
    }

    /// The interval for records that say nothing themselves.
    pub(super) fn uniform(&self, header: Option<u32>) -> Interval {
        let by = |value: Option<u32>, source| value.map(|n| (n, source));
        by(self.overriding, SamplingSource::Override)
            .or(by(self.domain, SamplingSource::Options))
            .or(by(header, SamplingSource::Header))
            .or(by(self.default, SamplingSource::Default))
    }

    /// Whether records must be looked at one by one.
    pub(super) fn is_per_record(&self, plan: &Plan) -> bool {
        self.overriding.is_none()
            && (plan.interval.is_some()
                || (plan.sampler.is_some() && !self.samplers.is_empty())
                || !self.interfaces.is_empty())
    }

    /// The interval of each record of a data set.
    pub(super) fn per_record<'s>(
        &self,
        plan: &Plan,
        records: Records<'_>,
        ingress: &[u32],
        scratch: &'s mut Scratch,
    ) -> &'s [Interval] {
        let Scratch { said, spaces, samplers, intervals } = scratch;
        for (place, values) in
            [(plan.interval, &mut *said), (plan.space, &mut *spaces), (plan.sampler, &mut *samplers)]
        {
            values.clear();
            if let Some(place) = place {
                records.unsigned(place, values, |x| x);
            }
        }
        let uniform = self.uniform(None);
        intervals.clear();
        intervals.extend((0..records.len()).map(|i| {
            let said =
                Said { interval: said.get(i).copied(), space: spaces.get(i).copied(), ..Said::default() };
            let by_sampler = || samplers.get(i).and_then(|id| self.samplers.get(id));
            let by_interface = || ingress.get(i).and_then(|index| self.interfaces.get(index));
            said.one_in()
                .map(|n| (n, SamplingSource::Record))
                .or_else(|| by_sampler().map(|n| (*n, SamplingSource::Sampler)))
                .or_else(|| by_interface().map(|n| (*n, SamplingSource::Interface)))
                .or(uniform)
        }));
        intervals
    }
}

/// Room reused from set to set.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    said: Vec<u64>,
    spaces: Vec<u64>,
    samplers: Vec<u64>,
    intervals: Vec<Interval>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_unknown_and_ratios_are_whole() {
        let said = |interval, space, size, population| {
            Said { interval, space, size, population, ..Said::default() }.one_in()
        };
        assert_eq!(said(Some(0), None, None, None), None);
        assert_eq!(said(Some(1000), None, None, None), Some(1000));
        assert_eq!(said(Some(1), Some(99), None, None), Some(100));
        assert_eq!(said(None, None, Some(2), Some(200)), Some(100));
        assert_eq!(said(None, None, Some(0), Some(200)), None);
        assert_eq!(said(None, None, None, None), None);
    }

    #[test]
    fn the_best_source_wins() {
        let mut sampling = Sampling { default: Some(7), ..Sampling::default() };
        assert_eq!(sampling.uniform(None), Some((7, SamplingSource::Default)));
        assert_eq!(sampling.uniform(Some(5)), Some((5, SamplingSource::Header)));
        sampling.learn(Said { interval: Some(100), ..Said::default() });
        assert_eq!(sampling.uniform(Some(5)), Some((100, SamplingSource::Options)));
        sampling.overriding = Some(1);
        assert_eq!(sampling.uniform(Some(5)), Some((1, SamplingSource::Override)));
    }
}
