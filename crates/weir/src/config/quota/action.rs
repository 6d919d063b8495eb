//! `[[quota.action]]`: what is done at a threshold.

use super::super::nearest;
use super::super::read::{Reader, Table, number};
use std::ops::Range;
use std::path::Path;
use toml::de::DeValue;
use weir_account::quota::Threshold;

/// What is done at a threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) at: Threshold,
    pub(crate) task: Task,
    /// Whether it is done, too, when the threshold is taken back. A block always ends then.
    pub(crate) back: bool,
}

/// What exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Mail {
        to: Vec<String>,
    },
    Webhook {
        url: String,
    },
    Exec {
        program: Vec<String>,
    },
    /// Sets for IPv4 and for IPv6; one at least.
    Nftables {
        set: Option<String>,
        set6: Option<String>,
    },
}

impl Task {
    /// The word of `do`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::Webhook { .. } => "webhook",
            Self::Exec { .. } => "exec",
            Self::Nftables { .. } => "nftables",
        }
    }
}

impl Reader {
    pub(super) fn actions(&mut self, table: Table<'_>, thresholds: &[Threshold]) -> Vec<Action> {
        let mut actions = Vec::new();
        for (table, place) in self.tables(table, "action") {
            self.keys(
                table,
                "[[quota.action]]",
                &["at", "do", "to", "url", "program", "set", "set6", "back"],
            );
            let at = self.threshold(table, &place, thresholds);
            let task = self.task(table, &place);
            let back = self.boolean(table, "back");
            if back && matches!(task, Some(Task::Nftables { .. })) {
                let place = table.get("back").map_or(place, toml::Spanned::span);
                self.note(
                    place,
                    "back of a block",
                    "take it out: a block always ends when its threshold is taken back",
                );
            }
            if let (Some(at), Some(task)) = (at, task) {
                actions.push(Action { at, task, back });
            }
        }
        actions
    }

    /// `at = 100`, `at = "pace"`, `at = "forecast"`: one of the quota's thresholds.
    fn threshold(
        &mut self,
        table: Table<'_>,
        place: &Range<usize>,
        known: &[Threshold],
    ) -> Option<Threshold> {
        let Some(value) = table.get("at") else {
            self.missing(place.clone(), "[[quota.action]]", "at", "at = 100");
            return None;
        };
        let (found, missing) = match value.get_ref() {
            DeValue::Integer(_) => {
                let percent = number(value).and_then(|n| u16::try_from(n).ok());
                let at = percent.map(Threshold::Percent);
                (at.filter(|at| known.contains(at)), "add it to thresholds of this quota".to_owned())
            }
            DeValue::String(word) if word == "pace" => {
                let at = known.iter().find(|one| matches!(one, Threshold::Pace(_))).copied();
                (at, "add pace = 2.0 to this quota".to_owned())
            }
            DeValue::String(word) if word == "forecast" => {
                let at = known.contains(&Threshold::Forecast).then_some(Threshold::Forecast);
                (at, "add forecast = true to this quota".to_owned())
            }
            _ => (None, "write a percent as at = 100, or at = \"pace\", or at = \"forecast\"".to_owned()),
        };
        if found.is_none() {
            self.note(value.span(), "at is no threshold of this quota", missing);
        }
        found
    }

    fn task(&mut self, table: Table<'_>, place: &Range<usize>) -> Option<Task> {
        let words = ["mail", "webhook", "exec", "nftables"].map(|word| (word, word));
        if !table.contains_key("do") {
            self.missing(place.clone(), "[[quota.action]]", "do", "do = \"webhook\"");
        }
        let word = self.word(table, "do", &words)?;
        let (needed, example) = match word {
            "mail" => ("to", "to = [\"noc@example.com\"], or [\"tenant\"] for the tenant's own addresses"),
            "webhook" => ("url", "url = \"https://example.com/quota\""),
            "exec" => ("program", "program = [\"/usr/local/bin/block\", \"{tenant}\"]"),
            _ => ("set", "set = \"inet weir blocked\""),
        };
        for key in ["to", "url", "program", "set", "set6"] {
            let is_needed = key == needed || (needed == "set" && key == "set6");
            if let Some(value) = table.get(key).filter(|_| !is_needed) {
                self.note(value.span(), format!("{key} is nothing for \"{word}\""), "take it out");
            }
        }
        let is_there = table.contains_key(needed) || (needed == "set" && table.contains_key("set6"));
        if !is_there {
            self.missing(place.clone(), &format!("[[quota.action]] of {word}"), needed, example);
            return None;
        }
        match word {
            "mail" => {
                if !self.has_mail {
                    let cure =
                        "add [mail] with from and server (docs/mail.md), or do it with webhook or exec";
                    self.note(place.clone(), "there is no [mail] that says how mail is sent", cure);
                }
                let to: Vec<String> =
                    self.strings(table, "to").into_iter().map(|(to, _)| to.to_owned()).collect();
                Some(Task::Mail { to })
            }
            "webhook" => self.url(table).map(|url| Task::Webhook { url }),
            "exec" => self.program(table).map(|program| Task::Exec { program }),
            _ => {
                let (set, set6) = (self.set(table, "set"), self.set(table, "set6"));
                (set.is_some() || set6.is_some()).then_some(Task::Nftables { set, set6 })
            }
        }
    }

    fn url(&mut self, table: Table<'_>) -> Option<String> {
        let (text, place) = self.string(table, "url")?;
        let is_good = text
            .parse::<hyper::Uri>()
            .is_ok_and(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        if !is_good {
            self.note(
                place,
                format!("\"{text}\" is no address to call"),
                "write url = \"https://example.com/quota\"",
            );
        }
        is_good.then(|| text.to_owned())
    }

    /// A program by its whole path, so that nobody's `PATH` decides which it is, and words that are filled in.
    fn program(&mut self, table: Table<'_>) -> Option<Vec<String>> {
        let words = self.strings(table, "program");
        let value = table.get("program")?;
        let Some((first, place)) = words.first().cloned() else {
            self.note(
                value.span(),
                "program is empty",
                "write program = [\"/usr/local/bin/block\", \"{tenant}\"]",
            );
            return None;
        };
        if !Path::new(first).is_absolute() {
            self.note(
                place,
                format!("\"{first}\" is no whole path"),
                "write it from the root, as \"/usr/local/bin/block\"",
            );
            return None;
        }
        for (word, place) in words.iter().skip(1) {
            for name in placeholders(word) {
                if !PLACEHOLDERS.contains(&name) {
                    let cure = match nearest(name, &PLACEHOLDERS) {
                        Some(near) => format!("did you mean {{{near}}}?"),
                        None => format!("known are {{{}}}", PLACEHOLDERS.join("}, {")),
                    };
                    self.note(place.clone(), format!("nothing is called {{{name}}}"), cure);
                }
            }
        }
        Some(words.into_iter().map(|(word, _)| word.to_owned()).collect())
    }

    /// Family, table and name of a set.
    fn set(&mut self, table: Table<'_>, key: &str) -> Option<String> {
        let (text, place) = self.string(table, key)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_name = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./\\".contains(&b))
        };
        match &words[..] {
            [family, table, name]
                if ["inet", "ip", "ip6", "netdev", "bridge"].contains(family)
                    && is_name(table)
                    && is_name(name) =>
            {
                Some(words.join(" "))
            }
            _ => {
                let cure = "write family, table and set, as \"inet weir blocked\"";
                self.note(place, format!("\"{text}\" is no set of nftables"), cure);
                None
            }
        }
    }
}

/// What a program's arguments may ask for.
const PLACEHOLDERS: [&str; 12] = [
    "quota",
    "tenant",
    "host",
    "group",
    "cycle",
    "event",
    "threshold",
    "used",
    "limit",
    "percent",
    "time",
    "id",
];

/// The names in braces of a word.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    word.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}
