//! The languages that statements are written in, and how each writes numbers, dates and amounts.
//!
//! A language is a file with one [`Words`] table. The table is a struct: a word that a language lacks does not compile.
//! What is in braces in a text is put in by [`fill`]; a test sees that every language has the same of them.

mod de;
mod en;
mod ru;
#[cfg(test)]
mod tests;

use weir_account::money::{Currency, Money};
use weir_account::statement::Unit;

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    German,
    Russian,
}

/// The table of words, and a list of all that is in it for tests.
macro_rules! words {
    ($($key:ident),+ $(,)?) => {
        /// The words of a language.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Words {
            $(pub(crate) $key: &'static str,)+
            /// Octets and their multiples by 1000.
            pub(crate) decimal_units: [&'static str; 7],
            /// Octets and their multiples by 1024.
            pub(crate) binary_units: [&'static str; 7],
        }

        impl Words {
            /// Every text, with what it is called.
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($key), self.$key),)+]
            }
        }
    };
}

words! {
    // Heads of the page.
    statement, summary, subject, subject_summary, tenant, networks, period, period_value, unit, unit_value, page,
    total_in, total_out, recomputable,
    // Notices.
    nothing_used, nothing_used_incomplete, incomplete, incomplete_unknown, accounts_gone, unbalanced, running,
    // Traffic.
    traffic, amount, octets, packets, flows, share, from_outside, to_outside, local_in, local_out, local, r#in, out,
    classes, classes_note, class,
    // Charges.
    charges, charges_by, overhead, rule, how, net, to_pay, unrated, unrated_class, not_charged, of_classes,
    flat, part, less, begun, tier, tier_whole, tier_up_to, tier_above, tier_between, incoming, outgoing, in_and_out, greater, only_hours, weekdays,
    at_price, committed, percentile, percentile_rule, nearest_rank, inclusive, exclusive, greater_rank, greater_each,
    percentile_above, and, without_data_left_out, without_data_zero,
    minimum, tax, adjusted,
    // Adjustments and quotas.
    adjustments, late, late_elsewhere, statement_number, reason, quotas, quota, used, of,
    // Days and hosts.
    days, days_alt, days_none, day, hosts, hosts_note, host, flows_in, octets_in, packets_in, no_address, others,
    // Shared addresses.
    shared, shared_note, shared_in, shared_out, shared_local, shared_host, share_of,
    // Completeness.
    completeness, complete, lost, lost_octets, not_sent, not_sent_octets, gaps, undecodable, malformed, awaiting, dropped,
    given_up, unknown_sampling, clock, saturated, sampled, silent, silent_more, silent_sum, absent, absent_more, not_kept, only_more,
    // What is not counted, and how it was counted.
    basis, ip_octets, local_apart, duplicate, unmatched, discarded, counted_at, balance_closes, balance_open,
    count_all, count_ingress, count_egress, count_none, count_interfaces,
    // The manager's page.
    charged, gross, adjusted_short, total, balance, transit_row, unmatched_row, duplicate_row, discarded_row, decoded,
    // Groups.
    group, without_group, other_calendar, group_note, group_closed, closed_since,
    // Letters about quotas.
    quota_passed, quota_forecast_at, quota_forecast, quota_turned, quota_fell, quota_slower, quota_used, quota_no_more,
    quota_more, quota_more_unknown, quota_edge_passed, quota_edge_turned, quota_edge_fell, quota_about, quota_pace, quota_forecast_word,
}

impl Language {
    /// Every language.
    pub(crate) const ALL: [Self; 3] = [Self::English, Self::German, Self::Russian];

    /// Its code (BCP 47): in the configuration, and in what says to a reader which language a page is in.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Russian => "ru",
        }
    }

    /// Its words.
    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Self::English => &en::WORDS,
            Self::German => &de::WORDS,
            Self::Russian => &ru::WORDS,
        }
    }

    /// The letters of its words, and what its numbers are written with.
    pub(crate) fn letters(self) -> impl Iterator<Item = char> {
        let w = self.words();
        let texts = w.all().into_iter().map(|(_, text)| text);
        texts.chain(w.decimal_units).chain(w.binary_units).flat_map(str::chars).chain("−–·€".chars())
    }

    /// Between the digits' groups, and before the fraction. A space is one that no line breaks at.
    const fn marks(self) -> (char, char) {
        match self {
            Self::English => (',', '.'),
            Self::German => ('.', ','),
            Self::Russian => ('\u{a0}', ','),
        }
    }

    /// A whole number: `1,234,567`.
    pub(crate) fn number(self, n: impl Into<u128>) -> String {
        self.digits(&n.into().to_string(), true)
    }

    /// A number with its sign: `+1,234`, `−1,234`.
    pub(crate) fn signed(self, n: i128) -> String {
        let sign = if n < 0 { '−' } else { '+' };
        format!("{sign}{}", self.number(n.unsigned_abs()))
    }

    /// A decimal as programs write it, as this language does: `-1234.50` is `−1.234,50` in German.
    pub(crate) fn decimal(self, plain: &str) -> String {
        match plain.strip_prefix('-') {
            Some(rest) => format!("−{}", self.digits(rest, true)),
            None => self.digits(plain, true),
        }
    }

    fn digits(self, plain: &str, is_grouped: bool) -> String {
        let (group, point) = self.marks();
        let (whole, fraction) = plain.split_once('.').map_or((plain, None), |(a, b)| (a, Some(b)));
        let mut out = String::with_capacity(plain.len() + plain.len() / 3);
        for (at, digit) in whole.chars().enumerate() {
            if is_grouped && at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.push(group);
            }
            out.push(digit);
        }
        if let Some(fraction) = fraction {
            out.push(point);
            out.push_str(fraction);
        }
        out
    }

    /// Octets in the largest unit of which there is at least one: `67.673 GB`.
    pub(crate) fn size(self, octets: impl Into<u128>, unit: Unit) -> String {
        let names = match unit {
            Unit::Decimal => &self.words().decimal_units,
            Unit::Binary => &self.words().binary_units,
        };
        let text = crate::report::number::scaled(octets.into(), unit.factor().into(), names);
        match text.split_once(' ') {
            Some((number, name)) => format!("{} {name}", self.decimal(number)),
            None => text,
        }
    }

    /// Octets in millions with three places, rounded half up: `67673.187 MB`. Not in groups, as the first line of a mail is
    /// what scripts cut numbers from.
    pub(crate) fn millions(self, octets: u64, unit: Unit) -> String {
        let (million, name) = self.million(unit);
        let thousandths = (u128::from(octets) * 1000 + million / 2) / million;
        let plain = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        format!("{} {name}", self.digits(&plain, false))
    }

    /// How many octets a MB or MiB is, and its name.
    pub(crate) fn million(self, unit: Unit) -> (u128, &'static str) {
        let names = match unit {
            Unit::Decimal => &self.words().decimal_units,
            Unit::Binary => &self.words().binary_units,
        };
        let factor = u128::from(unit.factor());
        (factor * factor, names.get(2).copied().unwrap_or_default())
    }

    /// An amount with its currency, by these words for currencies or its code: `1.234,50 €`.
    pub(crate) fn money(self, amount: Money, currency: &Currency, word: Option<&str>) -> String {
        format!("{} {}", self.amount(amount, currency), word.unwrap_or(currency.code()))
    }

    /// An amount without its currency.
    pub(crate) fn amount(self, amount: Money, currency: &Currency) -> String {
        self.decimal(&currency.text(amount))
    }

    /// A date or instant of RFC 3339 as people write it here: `2026-10-25T00:00:00+02:00` is `25.10.2026 00:00 +02:00` in German. The
    /// seconds are left out where they are none.
    pub(crate) fn instant(self, rfc3339: &str) -> String {
        let Some((date, time)) = rfc3339.split_once('T') else { return self.date(rfc3339) };
        let (clock, offset) = time.split_at_checked(8).unwrap_or((time, ""));
        let clock = clock.strip_suffix(":00").unwrap_or(clock);
        format!("{} {clock} {offset}", self.date(date)).trim_end().to_owned()
    }

    /// A date of RFC 3339 as people write it here.
    pub(crate) fn date(self, rfc3339: &str) -> String {
        let parts: Vec<&str> = rfc3339.split('-').collect();
        match (self, parts.as_slice()) {
            (Self::German | Self::Russian, [year, month, day]) => format!("{day}.{month}.{year}"),
            _ => rfc3339.to_owned(),
        }
    }

    /// A share in tenths of a percent, rounded half up; of nothing, a dash.
    pub(crate) fn share(self, part: u128, whole: u128) -> String {
        if whole == 0 {
            return "–".to_owned();
        }
        let tenths = (part * 1000 + whole / 2) / whole;
        format!("{} %", self.decimal(&format!("{}.{}", tenths / 10, tenths % 10)))
    }
}

/// A text with values in the place of their names in braces.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, following)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name);
        out.push_str(value.map_or("", |(_, value)| value));
        rest = following;
    }
    out.push_str(rest);
    out
}
