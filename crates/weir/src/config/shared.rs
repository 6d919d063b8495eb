//! `[[shared]]`: an address that several tenants are behind, whose traffic is shared out among them (docs/tenants.md).

use super::Config;
use super::dump::{list, quote};
use super::mistake::nearest;
use super::read::{Reader, Table, number};
use super::tenant::{Beside, Stands, edges, written};
use std::fmt::{self, Write};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use weir_account::shared::{Member, unshared};
use weir_account::{Span, Tenant, Zone};

/// The keys of `[[shared]]`.
const KEYS: [&str; 5] = ["name", "networks", "among", "exporters", "nested"];

const EXAMPLE: &str = "among = { avtotrade = 2, bureau = 1 }, or a list of tenants";

/// The greatest share: sums of a thousand of them are far from any limit.
const SHARE_MAX: u32 = 1_000_000;

impl Reader {
    /// Takes shared addresses in among the tenants, whose names come first.
    pub(super) fn shared(
        &mut self,
        root: &DeTable<'_>,
        beside: &Beside<'_>,
        tenants: &mut Vec<Tenant>,
        places: &mut Vec<Stands>,
    ) {
        let known: Vec<String> = tenants.iter().map(|tenant| tenant.name.clone()).collect();
        for (table, at) in self.tables(root, "shared") {
            self.keys(table, "[[shared]]", &KEYS);
            let name = self.string(table, "name").map(|(name, _)| name.to_owned());
            let examples = [
                ("name", "name = \"office-nat\""),
                ("networks", "networks = [\"203.0.113.7\"]"),
                ("among", EXAMPLE),
            ];
            for (key, example) in examples.into_iter().filter(|(key, _)| !table.contains_key(*key)) {
                self.missing(at.clone(), "[[shared]]", key, example);
            }
            let (networks, stands): (Vec<_>, Vec<_>) = self.networks(table, beside.zone).into_iter().unzip();
            let among = self.among(table, &known, beside.zone);
            let exporters = self.exporters_of(table, beside.exporters);
            let nested = self.boolean(table, "nested");
            let Some(name) = name else { continue };
            tenants.push(Tenant {
                name,
                networks,
                exporters,
                nested,
                is_shared: true,
                among,
                ..Tenant::default()
            });
            places.push((at, stands));
        }
    }

    fn among(&mut self, table: Table<'_>, known: &[String], zone: &Zone) -> Vec<Member> {
        let Some(value) = table.get("among") else { return Vec::new() };
        let mut found: Vec<Member> = Vec::new();
        match value.get_ref() {
            DeValue::Table(members) => {
                for (name, share) in members {
                    let tenant = self.member(name.get_ref(), name.span(), known);
                    let share = self.share(share);
                    found.extend(tenant.zip(share).map(|(tenant, share)| always(tenant, share)));
                }
            }
            DeValue::Array(items) => {
                for item in items.iter() {
                    found.extend(self.listed_member(item, known, zone));
                }
            }
            _ => self.note(value.span(), "among is neither a table nor a list", format!("write {EXAMPLE}")),
        }
        for (at, one) in found.iter().enumerate() {
            let is_again =
                |other: &&Member| other.tenant == one.tenant && other.time.intersection(one.time).is_some();
            if found.iter().take(at).any(|other| is_again(&other)) {
                let message = format!("\"{}\" is named twice for the same time", one.tenant);
                self.note(value.span(), message, "name it once, with the sum of its shares");
            }
            if one.time.intersection(one.time).is_none() {
                let message = format!("the share of \"{}\" ends before it begins", one.tenant);
                self.note(value.span(), message, "`until` is the first instant that it has none");
            }
        }
        let is_empty = matches!(value.get_ref(), DeValue::Array(items) if items.is_empty())
            || matches!(value.get_ref(), DeValue::Table(members) if members.is_empty());
        if is_empty {
            self.note(value.span(), "among names nobody", format!("write {EXAMPLE}"));
        }
        found
    }

    /// `"avtotrade"`, or `{ tenant = "avtotrade", share = 2, from = "2026-10-14" }`.
    fn listed_member(
        &mut self,
        item: &Spanned<DeValue<'_>>,
        known: &[String],
        zone: &Zone,
    ) -> Option<Member> {
        match item.get_ref() {
            DeValue::String(name) => self.member(name, item.span(), known).map(|tenant| always(tenant, 1)),
            DeValue::Table(entry) => {
                self.keys(entry, "a member of [[shared]]", &["tenant", "share", "from", "until"]);
                if !entry.contains_key("tenant") {
                    self.missing(item.span(), "an entry of among", "tenant", "tenant = \"avtotrade\"");
                }
                let tenant =
                    self.string(entry, "tenant").and_then(|(name, place)| self.member(name, place, known));
                let share = entry.get("share").map_or(Some(1), |share| self.share(share));
                let time = Span {
                    from_ms: self.instant(entry, "from", zone),
                    to_ms: self.instant(entry, "until", zone),
                };
                tenant.zip(share).map(|(tenant, share)| Member { tenant, share, time })
            }
            _ => {
                self.note(item.span(), "among holds something that is no tenant", format!("write {EXAMPLE}"));
                None
            }
        }
    }

    fn member(&mut self, name: &str, place: Range<usize>, known: &[String]) -> Option<String> {
        if known.iter().any(|one| one == name) {
            return Some(name.to_owned());
        }
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let cure = match nearest(name, &names) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write the name of a [[tenant]]".to_owned(),
        };
        self.note(place, format!("there is no tenant \"{name}\""), cure);
        None
    }

    fn share(&mut self, value: &Spanned<DeValue<'_>>) -> Option<u32> {
        let share = number(value).and_then(|share| u32::try_from(share).ok());
        let share = share.filter(|share| (1..=SHARE_MAX).contains(share));
        if share.is_none() {
            let message = format!("this share is no whole number from 1 to {SHARE_MAX}");
            self.note(value.span(), message, "write 2 for two parts of all");
        }
        share
    }
}

fn always(tenant: String, share: u32) -> Member {
    Member { tenant, share, time: Span::default() }
}

impl Config {
    pub(super) fn write_shared(&self, shared: &Tenant, out: &mut String) -> fmt::Result {
        let networks: Vec<String> = shared.networks.iter().map(|one| written(one, &self.zone)).collect();
        writeln!(out, "\n[[shared]]\nname = {}\nnetworks = [{}]", quote(&shared.name), networks.join(", "))?;
        let member = |one: &Member| {
            let edges = edges(one.time, &self.zone);
            format!("{{ tenant = {}, share = {}{edges} }}", quote(&one.tenant), one.share)
        };
        let among: Vec<String> = shared.among.iter().map(member).collect();
        writeln!(out, "among = [{}]", among.join(", "))?;
        if !shared.exporters.is_empty() {
            let names: Vec<String> = shared.exporters.iter().map(|one| self.exporter_name(*one)).collect();
            writeln!(out, "exporters = {}", list(&names))?;
        }
        if shared.nested {
            writeln!(out, "nested = true")?;
        }
        Ok(())
    }

    /// Shared addresses that nobody shares for a while.
    pub(super) fn shared_notes(&self) -> impl Iterator<Item = String> {
        let shared = self.tenants.iter().filter(|tenant| tenant.is_shared);
        shared.flat_map(move |one| {
            unshared(one).into_iter().map(move |time| {
                let time = time.text(&self.zone);
                format!(
                    "shared address \"{}\" has no member{time}: what it has then is nobody else's",
                    one.name
                )
            })
        })
    }

    /// Those who are accounted for, without the addresses that they share.
    pub(crate) fn payers(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.iter().filter(|tenant| !tenant.is_shared && self.is_here(&tenant.name))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::read;

    const TENANTS: &str =
        "[[tenant]]\nname = \"alpha\"\nnetworks = []\n[[tenant]]\nname = \"beta\"\nnetworks = []\n";

    fn shared(among: &str) -> String {
        format!("{TENANTS}[[shared]]\nname = \"office-nat\"\nnetworks = [\"203.0.113.7\"]\namong = {among}\n")
    }

    #[test]
    fn members_are_read_and_dumped() {
        let members = |among: &str| -> Vec<String> {
            let config = read(&shared(among)).unwrap();
            let again = read(&config.dump()).unwrap();
            assert_eq!(again.dump(), config.dump());
            assert!(again.tenants.iter().eq(config.tenants.iter()));
            assert_eq!(config.payers().count(), 2);
            let nat = config.tenants.get("office-nat").unwrap();
            let member = |one: &weir_account::shared::Member| {
                format!("{} {}{}", one.tenant, one.share, one.time.text(&config.zone))
            };
            nat.among.iter().map(member).collect()
        };
        assert_eq!(members("{ beta = 1, alpha = 2 }"), ["alpha 2", "beta 1"]);
        assert_eq!(members("[\"beta\", \"alpha\"]"), ["beta 1", "alpha 1"]);
        assert_eq!(
            members(
                "[\"alpha\", { tenant = \"beta\", share = 3, until = \"2026-10-14\" }, { tenant = \"beta\", from = \
                 \"2026-10-14\" }]"
            ),
            ["alpha 1", "beta 3 until 2026-10-14", "beta 1 from 2026-10-14"]
        );
    }

    #[test]
    fn a_time_without_members_is_noted() {
        let notes = |among: &str| read(&shared(among)).unwrap().notes(0);
        assert!(notes("[\"alpha\"]").is_empty());
        assert_eq!(
            notes(
                "[{ tenant = \"alpha\", until = \"2026-10-14\" }, { tenant = \"beta\", from = \"2026-11-01\" }]"
            ),
            [
                "shared address \"office-nat\" has no member from 2026-10-14 until 2026-11-01: what it has then is nobody else's"
            ]
        );
    }

    #[test]
    fn what_is_no_rule_is_said() {
        let said = |among: &str| -> Vec<String> {
            let mistakes = read(&shared(among)).unwrap_err().into_iter();
            mistakes.map(|one| format!("{}; {}", one.message, one.cure)).collect()
        };
        assert_eq!(
            said("{ alpa = 2, beta = 0 }"),
            [
                "there is no tenant \"alpa\"; did you mean \"alpha\"?",
                "this share is no whole number from 1 to 1000000; write 2 for two parts of all",
            ]
        );
        assert_eq!(
            said("[\"alpha\", \"beta\", \"alpha\"]"),
            ["\"alpha\" is named twice for the same time; name it once, with the sum of its shares"]
        );
        let write = "write among = { avtotrade = 2, bureau = 1 }, or a list of tenants";
        assert_eq!(said("[]"), [format!("among names nobody; {write}")]);
        assert_eq!(said("7"), [format!("among is neither a table nor a list; {write}")]);
        // A shared address is no tenant, and no member.
        assert_eq!(
            said("[\"office-nat\"]"),
            ["there is no tenant \"office-nat\"; write the name of a [[tenant]]"]
        );
        let whose = format!(
            "{TENANTS}[[shared]]\nname = \"alpha\"\nnetworks = [\"203.0.113.7\"]\namong = [\"beta\"]\n"
        );
        let mistakes = read(&whose).unwrap_err();
        assert!(
            mistakes[0].message.starts_with("there are two tenants \"alpha\""),
            "{}",
            mistakes[0].message
        );
    }
}
