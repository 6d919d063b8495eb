//! What was metered of a tenant in a period, as tariffs ask for it.

use super::Hours;
use crate::percentile::{SLOT_S, Slot};
use crate::sums::Overflow;
use crate::zone::Zone;
use std::collections::{BTreeMap, BTreeSet};

/// Length of a slot, ms.
const SLOT_MS: i64 = 300_000;
const _: () = assert!(SLOT_S == 300);

/// Octets that came in and went out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Came in.
    pub came: u64,
    /// Went out.
    pub went: u64,
}

impl Volume {
    fn add(&mut self, other: Self) -> Result<(), Overflow> {
        *self = Self {
            came: self.came.checked_add(other.came).ok_or(Overflow)?,
            went: self.went.checked_add(other.went).ok_or(Overflow)?,
        };
        Ok(())
    }

    pub(super) fn pair(self) -> (u64, u64) {
        (self.came, self.went)
    }

    /// Whether there was none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.came == 0 && self.went == 0
    }
}

/// A tenant's traffic of a period, by class and slot.
#[derive(Clone, Debug)]
pub struct Meter {
    zone: Zone,
    /// The period, ms since 1970.
    from_ms: i64,
    to_ms: i64,
    /// The part of it that the tenant was there.
    active: (i64, i64),
    /// By class, and by the first instant of the slot.
    classes: BTreeMap<String, BTreeMap<i64, Volume>>,
    /// Slots of which it is not known what there was.
    missing: BTreeSet<i64>,
}

impl Meter {
    /// Of a period of which nothing is known yet. The period's edges lie on slots in every zone there is (offsets are
    /// whole minutes of five since 1970 wherever civil days begin; where not, the first slot is the one that the edge
    /// lies in).
    #[must_use]
    pub fn new(zone: &Zone, from_ms: i64, to_ms: i64) -> Self {
        Self {
            zone: zone.clone(),
            from_ms,
            to_ms,
            active: (from_ms, to_ms),
            classes: BTreeMap::new(),
            missing: BTreeSet::new(),
        }
    }

    /// The tenant was there only from one instant to another, ms since 1970: cut to the period.
    #[must_use]
    pub fn active(mut self, from_ms: i64, to_ms: i64) -> Self {
        let from_ms = from_ms.clamp(self.from_ms, self.to_ms);
        self.active = (from_ms, to_ms.clamp(from_ms, self.to_ms));
        self
    }

    /// Adds traffic of a class in the slot that an instant lies in. What lies outside of the period is not added.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add(&mut self, class: &str, ms: i64, volume: Volume) -> Result<(), Overflow> {
        if !(self.from_ms..self.to_ms).contains(&ms) {
            return Ok(());
        }
        let slots = match self.classes.get_mut(class) {
            Some(slots) => slots,
            None => self.classes.entry(class.to_owned()).or_default(),
        };
        slots.entry(slot(ms)).or_default().add(volume)
    }

    /// It is not known what there was in the slot that an instant lies in.
    pub fn miss(&mut self, ms: i64) {
        self.missing.insert(slot(ms));
    }

    /// The period, ms since 1970.
    #[must_use]
    pub const fn period(&self) -> (i64, i64) {
        (self.from_ms, self.to_ms)
    }

    /// Whether the tenant was there at no time of the period.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        self.active.0 >= self.active.1
    }

    /// The civil days that the tenant was there, and those of the period: days that the span touches.
    #[must_use]
    pub fn days(&self) -> (u32, u32) {
        let count =
            |from, to| u32::try_from(crate::period::days(&self.zone, from, to).len()).unwrap_or(u32::MAX);
        (count(self.active.0, self.active.1), count(self.from_ms, self.to_ms))
    }

    /// The classes that there was traffic of.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.keys().map(String::as_str)
    }

    /// What there was of these classes (all, if none is named), in these hours.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn volume(&self, classes: &[String], hours: Option<&Hours>) -> Result<Volume, Overflow> {
        self.volume_at(classes, |ms| hours.is_none_or(|hours| hours.contains(ms, &self.zone)))
    }

    /// What there was of these classes (all, if none is named), in none of these hours.
    ///
    /// # Errors
    /// [`Overflow`]
    pub(super) fn volume_outside(&self, classes: &[String], hours: &[&Hours]) -> Result<Volume, Overflow> {
        self.volume_at(classes, |ms| !hours.iter().any(|hours| hours.contains(ms, &self.zone)))
    }

    /// What there was of these classes in the slots that are meant, each by its first instant.
    fn volume_at(&self, classes: &[String], is_meant: impl Fn(i64) -> bool) -> Result<Volume, Overflow> {
        let mut sum = Volume::default();
        for (start_ms, volume) in self.of(classes) {
            if is_meant(start_ms) {
                sum.add(volume)?;
            }
        }
        Ok(sum)
    }

    /// Every slot of the time the tenant was there, with what there was of these classes.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn slots(&self, classes: &[String]) -> Result<Vec<Slot>, Overflow> {
        let mut by_slot: BTreeMap<i64, Volume> = BTreeMap::new();
        for (start_ms, volume) in self.of(classes) {
            by_slot.entry(start_ms).or_default().add(volume)?;
        }
        let mut slots = Vec::new();
        let mut start_ms = slot(self.active.0);
        while start_ms < self.active.1 {
            let octets = match by_slot.get(&start_ms) {
                Some(volume) => Some(volume.pair()),
                None => (!self.missing.contains(&start_ms)).then_some((0, 0)),
            };
            slots.push(Slot { start_ms, octets });
            start_ms = start_ms.checked_add(SLOT_MS).ok_or(Overflow)?;
        }
        Ok(slots)
    }

    fn of<'a>(&'a self, classes: &'a [String]) -> impl Iterator<Item = (i64, Volume)> + 'a {
        let is_meant = move |class: &str| classes.is_empty() || classes.iter().any(|one| one == class);
        let meant = self.classes.iter().filter(move |(class, _)| is_meant(class));
        meant.flat_map(|(_, slots)| slots.iter().map(|(start_ms, volume)| (*start_ms, *volume)))
    }
}

/// The first instant of the slot that an instant lies in.
fn slot(ms: i64) -> i64 {
    ms.saturating_sub(ms.rem_euclid(SLOT_MS))
}
