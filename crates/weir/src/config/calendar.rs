//! Whose civil time a period is in: everybody's (`[billing]`), or what a tenant has of its own (`zone` and `day`).
//!
//! A period of one name, as 2026-10, is then several: each is that of the tenants on its calendar, with statements, a closing
//! and a summary of its own. What is made for a period is made by the configuration *of* it ([`Config::of`]): the same, but in its zone,
//! and for nobody else. Two calendars on which a period is the same, to the instant and in one zone, are one for it: weeks
//! do not care for the day on which months begin.

use super::Config;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use weir_account::period::PeriodError;
use weir_account::tariff::Charge;
use weir_account::{Period, Zone};

/// A zone, and the day of the month on which periods begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calendar<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) day: u8,
}

/// What makes a configuration one of some tenants only.
#[derive(Debug, Clone)]
pub(crate) struct Without {
    /// The tenants whom it is not for.
    tenants: HashSet<String>,
    /// The calendar of `[billing]`. Classes of traffic have their hours in its zone.
    site: (Zone, u8),
}

impl Calendar<'_> {
    /// The period of this name, or word about now (ms since 1970).
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub(crate) fn period(&self, text: &str, now_ms: i64) -> Result<Period, PeriodError> {
        Period::named(text, self.zone, self.day, now_ms)
    }

    /// Whether a period of this name in this zone, with these ends, is one of its own.
    fn has(&self, name: &str, zone: &Zone, range: &Range<i64>) -> bool {
        self.zone == zone
            && Period::parse(name, self.zone, self.day)
                .is_ok_and(|own| (own.from_ms(), own.to_ms()) == (range.start, range.end))
    }
}

/// `Asia/Kolkata`, `Asia/Kolkata, day 15`.
impl fmt::Display for Calendar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.zone.name())?;
        if self.day == 1 { Ok(()) } else { write!(f, ", day {}", self.day) }
    }
}

impl Config {
    /// The calendar of `[billing]`, of whomever this is the configuration.
    pub(crate) fn calendar(&self) -> Calendar<'_> {
        match &self.without {
            None => Calendar { zone: &self.zone, day: self.day },
            Some(Without { site: (zone, day), .. }) => Calendar { zone, day: *day },
        }
    }

    /// A tenant's calendar. Whom the configuration does not know is on that of `[billing]`.
    pub(crate) fn calendar_of(&self, tenant: &str) -> Calendar<'_> {
        let site = self.calendar();
        let Some(tenant) = self.tenants.get(tenant) else { return site };
        Calendar { zone: tenant.zone.as_ref().unwrap_or(site.zone), day: tenant.day.unwrap_or(site.day) }
    }

    /// Every calendar: that of `[billing]` first, the others by their zones and days.
    pub(crate) fn calendars(&self) -> Vec<Calendar<'_>> {
        let own = self.tenants.iter().filter(|tenant| tenant.zone.is_some() || tenant.day.is_some());
        let mut others: Vec<Calendar<'_>> = own.map(|tenant| self.calendar_of(&tenant.name)).collect();
        others.sort_by_key(|calendar| (calendar.zone.name(), calendar.day));
        others.dedup();
        others.retain(|calendar| *calendar != self.calendar());
        others.insert(0, self.calendar());
        others
    }

    /// The periods of a name, or word about now (ms since 1970), on all calendars: that of `[billing]` first, each once.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub(crate) fn periods(&self, text: &str, now_ms: i64) -> Result<Vec<Period>, PeriodError> {
        let mut periods: Vec<Period> = Vec::new();
        for calendar in self.calendars() {
            let period = calendar.period(text, now_ms)?;
            if !periods.iter().any(|known| is_same(known, &period)) {
                periods.push(period);
            }
        }
        Ok(periods)
    }

    /// The configuration of a period: in its zone, and for those only whose period it is. Whom the configuration does not
    /// know goes with `[billing]`.
    pub(crate) fn of(&self, period: &Period) -> Cow<'_, Self> {
        self.of_closed(&period.name(), period.zone(), &(period.from_ms()..period.to_ms()))
    }

    /// The same of a period that was closed, by what the books have of it.
    pub(crate) fn of_closed(&self, name: &str, zone: &Zone, range: &Range<i64>) -> Cow<'_, Self> {
        let calendars = self.calendars();
        if calendars.len() == 1 {
            return Cow::Borrowed(self);
        }
        let those = |is_it: &dyn Fn(&Calendar<'_>) -> bool| -> Vec<Calendar<'_>> {
            calendars.iter().copied().filter(is_it).collect()
        };
        let mut theirs = those(&|calendar| calendar.has(name, zone, range));
        if theirs.is_empty() {
            // The zone's rules for that time were others when it was closed.
            theirs = those(&|calendar| calendar.zone == zone);
        }
        let is_elsewhere = |tenant: &&String| !theirs.contains(&self.calendar_of(tenant));
        let elsewhere = self.tenants.iter().map(|tenant| &tenant.name).filter(is_elsewhere);
        let site = self.calendar();
        let day = theirs.first().unwrap_or(&site).day;
        let without = Without { tenants: elsewhere.cloned().collect(), site: (site.zone.clone(), site.day) };
        let mut config = self.clone();
        (config.zone, config.day, config.without) = (zone.clone(), day, Some(without));
        for rule in config.tariffs.iter_mut().flat_map(|tariff| &mut tariff.rules) {
            if let Charge::Once { at_ms, .. } = &mut rule.charge {
                // What is charged on a date is charged on that date of whoever pays it.
                *at_ms = self.zone.same_date_in(zone, *at_ms).unwrap_or(*at_ms);
            }
        }
        Cow::Owned(config)
    }

    /// The calendar of those whom this is the configuration for, where it is that of some only.
    pub(crate) fn own_calendar(&self) -> Option<Calendar<'_>> {
        self.without.as_ref().map(|_| Calendar { zone: &self.zone, day: self.day })
    }

    /// Whether this is the configuration for a tenant, too.
    pub(crate) fn is_here(&self, tenant: &str) -> bool {
        self.without.as_ref().is_none_or(|without| !without.tenants.contains(tenant))
    }

    /// The periods of a name, or word about now (ms since 1970), of these tenants, each with those whose period it is; of all, if
    /// none is named.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub(crate) fn periods_of(
        &self,
        tenants: &[String],
        text: &str,
        now_ms: i64,
    ) -> Result<Vec<(Period, Vec<String>)>, PeriodError> {
        if tenants.is_empty() {
            return Ok(self.periods(text, now_ms)?.into_iter().map(|period| (period, Vec::new())).collect());
        }
        let mut periods: Vec<(Period, Vec<String>)> = Vec::new();
        for tenant in tenants {
            let period = self.calendar_of(tenant).period(text, now_ms)?;
            match periods.iter_mut().find(|(known, _)| is_same(known, &period)) {
                Some((_, theirs)) => theirs.push(tenant.clone()),
                None => periods.push((period, vec![tenant.clone()])),
            }
        }
        Ok(periods)
    }

    /// Whether a period is one of `[billing]`'s calendar.
    pub(crate) fn is_sites(&self, period: &Period) -> bool {
        self.calendar().has(&period.name(), period.zone(), &(period.from_ms()..period.to_ms()))
    }

    /// What a period is called among those of all calendars: `2026-10`, and on another calendar than that of `[billing]`
    /// `2026-10 Asia/Kolkata` or `2026-10 Asia/Kolkata from 2026-10-15`.
    pub(crate) fn label(&self, period: &Period) -> String {
        if self.is_sites(period) {
            return period.name();
        }
        let date = |period: &Period| period.zone().date_text(period.from_ms());
        let site = self.calendar();
        let sites = Period::parse(&period.name(), site.zone, site.day);
        let from = match sites.is_ok_and(|sites| date(&sites) == date(period)) {
            true => String::new(),
            false => format!(" from {}", date(period)),
        };
        format!("{} {}{from}", period.name(), period.zone().name())
    }
}

/// Whether two periods are the same, for whomever.
fn is_same(one: &Period, other: &Period) -> bool {
    let parts = |period: &Period| (period.name(), period.from_ms(), period.to_ms());
    one.zone() == other.zone() && parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, read};
    use weir_account::{Period, Zone};

    /// 2026-11-01T03:00:00Z: November in Berlin and Kolkata, October still in Honolulu.
    const NOW: i64 = 1_793_502_000_000;

    fn config() -> Config {
        let tenant = |name: &str, net: u8, more: &str| {
            format!("[[tenant]]\nname = \"{name}\"\nnetworks = [\"10.0.{net}.0/24\"]\n{more}\n")
        };
        let text = [
            tenant("alpha", 1, ""),
            tenant("beta", 2, "zone = \"Asia/Kolkata\""),
            tenant("gamma", 3, "zone = \"Pacific/Honolulu\"\nday = 15"),
            tenant("delta", 4, "day = 15"),
            tenant("epsilon", 5, "zone = \"Europe/Berlin\"\nday = 1"),
        ];
        read(&format!("{}\n[billing]\nzone = \"Europe/Berlin\"\n", text.concat())).unwrap()
    }

    fn utc(ms: i64) -> String {
        Zone::utc().rfc3339(ms)
    }

    #[test]
    fn a_month_is_several_and_a_week_is_one_of_each_zone() {
        let config = config();
        let shown = |text: &str| -> Vec<String> {
            let periods = config.periods(text, NOW).unwrap();
            periods
                .iter()
                .map(|one| format!("{} {} {}", one.zone().name(), one.name(), utc(one.from_ms())))
                .collect()
        };
        assert_eq!(
            shown("2026-10"),
            [
                "Europe/Berlin 2026-10 2026-09-30T22:00:00+00:00",
                "Asia/Kolkata 2026-10 2026-09-30T18:30:00+00:00",
                "Europe/Berlin 2026-10 2026-10-14T22:00:00+00:00",
                "Pacific/Honolulu 2026-10 2026-10-15T10:00:00+00:00",
            ]
        );
        assert_eq!(
            shown("last"),
            [
                "Europe/Berlin 2026-10 2026-09-30T22:00:00+00:00",
                "Asia/Kolkata 2026-10 2026-09-30T18:30:00+00:00",
                // Before the 15th, and in Honolulu before the 1st.
                "Europe/Berlin 2026-09 2026-09-14T22:00:00+00:00",
                "Pacific/Honolulu 2026-09 2026-09-15T10:00:00+00:00",
            ]
        );
        assert_eq!(
            shown("2026-W41"),
            [
                "Europe/Berlin 2026-W41 2026-10-04T22:00:00+00:00",
                "Asia/Kolkata 2026-W41 2026-10-04T18:30:00+00:00",
                "Pacific/Honolulu 2026-W41 2026-10-05T10:00:00+00:00",
            ]
        );
    }

    #[test]
    fn everybody_is_in_one_period_of_a_name_and_in_one_only() {
        let config = config();
        let here = |period: &Period| -> Vec<String> {
            let of = config.of(period).into_owned();
            of.payers().map(|tenant| tenant.name.clone()).collect()
        };
        for (text, whose) in [
            ("2026-10", vec![vec!["alpha", "epsilon"], vec!["beta"], vec!["delta"], vec!["gamma"]]),
            ("2026-W41", vec![vec!["alpha", "delta", "epsilon"], vec!["beta"], vec!["gamma"]]),
            ("2026-10-05..2026-10-18", vec![vec!["alpha", "delta", "epsilon"], vec!["beta"], vec!["gamma"]]),
        ] {
            let periods = config.periods(text, NOW).unwrap();
            assert_eq!(periods.iter().map(here).collect::<Vec<_>>(), whose, "{text}");
        }
        let own = config.calendar_of("gamma").period("2026-10", NOW).unwrap();
        let of = config.of(&own);
        assert_eq!((of.zone.name(), of.day, of.calendar()), ("Pacific/Honolulu", 15, config.calendar()));
        assert_eq!((of.calendar_of("alpha"), of.is_here("alpha")), (config.calendar(), false));
        assert_eq!(of.calendars(), config.calendars());
        let labels: Vec<String> =
            config.periods("2026-10", NOW).unwrap().iter().map(|period| config.label(period)).collect();
        assert_eq!(
            labels,
            [
                "2026-10",
                "2026-10 Asia/Kolkata",
                "2026-10 Europe/Berlin from 2026-10-15",
                "2026-10 Pacific/Honolulu from 2026-10-15"
            ]
        );
        // Who is not configured is billed by [billing].
        assert_eq!(config.calendar_of("nobody"), config.calendar());
    }

    #[test]
    fn what_is_charged_on_a_date_is_on_that_date_of_each() {
        let text = "[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/24\"]\ntariff = \"t\"\nzone = \"Pacific/Honolulu\"\n\
                    [[tariff]]\nname = \"t\"\ncurrency = \"EUR\"\n[[tariff.rule]]\nname = \"setup\"\nonce = \"9.00\"\non = \"2026-10-01\"\n\
                    [billing]\nzone = \"Europe/Berlin\"\n";
        let config = read(text).unwrap();
        let own = config.calendar_of("a").period("2026-10", NOW).unwrap();
        let charge = format!("{:?}", config.of(&own).tariffs[0].rules[0].charge);
        assert!(charge.contains(&format!("at_ms: {}", own.from_ms())), "{charge}");
        assert_eq!(utc(own.from_ms()), "2026-10-01T10:00:00+00:00");
    }

    #[test]
    fn a_calendar_is_dumped_and_mistakes_are_named() {
        let config = config();
        let again = read(&config.dump()).unwrap();
        assert_eq!(again.dump(), config.dump());
        let gamma = again.tenants.get("gamma").unwrap();
        assert_eq!((gamma.zone.as_ref().unwrap().name(), gamma.day), ("Pacific/Honolulu", Some(15)));
        let wrong =
            "[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/24\"]\nzone = \"Europe/Berln\"\nday = 32\n";
        let said: Vec<String> = read(wrong).unwrap_err().into_iter().map(|one| one.message).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("there is no time zone \"Europe/Berln\""), "{said:?}");
    }
}
