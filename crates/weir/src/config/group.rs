//! `group` of `[[tenant]]`, and `[[group]]`: what a group is called on its paper, and who gets that (docs/tenants.md).

use super::Config;
use super::dump::{list, quote};
use super::mistake::nearest;
use super::read::{Reader, Table};
use crate::statement::{Language, Style};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::ops::Range;
use weir_account::{Group, Tenants};
use weir_query::Membership;

const KEYS: [&str; 4] = ["name", "title", "language", "mail"];
const EXAMPLE: &str = "write names with / between them, as \"campus/north/floor 3\"";

/// One `[[group]]`: what is said of a group beside who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) group: Group,
    /// What it is called on its paper; its path, if nothing is said.
    pub(crate) title: Option<String>,
    /// Which language its paper is in; that of `[statement]`, if nothing is said.
    pub(crate) language: Option<Language>,
    /// Where its paper is sent.
    pub(crate) mail: Vec<String>,
}

impl Entry {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[[group]]\nname = {}", quote(self.group.path()))?;
        if let Some(title) = &self.title {
            writeln!(out, "title = {}", quote(title))?;
        }
        if let Some(language) = self.language {
            writeln!(out, "language = \"{}\"", language.code())?;
        }
        if !self.mail.is_empty() {
            writeln!(out, "mail = {}", list(&self.mail))?;
        }
        Ok(())
    }
}

impl Config {
    /// What is said of a group, if anything is.
    pub(crate) fn group(&self, group: &Group) -> Option<&Entry> {
        self.groups.iter().find(|entry| entry.group == *group)
    }

    /// How the paper of a group looks.
    pub(crate) fn group_style(&self, group: &Group) -> Style {
        let style = self.style(None);
        let language = self.group(group).and_then(|entry| entry.language);
        Style { language: language.unwrap_or(style.language), ..style }
    }

    /// The group of this path that tenants are in.
    ///
    /// # Errors
    /// None are, and what may be meant.
    pub(crate) fn group_named(&self, path: &str) -> Result<Group, String> {
        let known = self.tenants.groups();
        let found = path.parse::<Group>().ok().filter(|group| known.contains(group));
        found.ok_or_else(|| format!("no tenant is in a group \"{path}\"; {}", meant(path, &known)))
    }

    /// Every group with the names of all tenants that are in it or below it, for filters.
    pub(crate) fn group_members(&self) -> Vec<(String, Vec<String>)> {
        let mut members: BTreeMap<Group, Vec<String>> = BTreeMap::new();
        for tenant in self.tenants.iter() {
            for level in tenant.group.iter().flat_map(Group::levels) {
                members.entry(level).or_default().push(tenant.name.clone());
            }
        }
        members.into_iter().map(|(group, names)| (group.path().to_owned(), names)).collect()
    }

    /// Which group each tenant is in, for questions.
    pub(crate) fn membership(&self) -> Membership {
        let paths =
            self.tenants.iter().filter_map(|one| Some((one.name.as_str(), one.group.as_ref()?.path())));
        Membership::new(paths)
    }
}

/// What to do about a group that nobody is in.
fn meant(path: &str, known: &BTreeSet<Group>) -> String {
    let paths: Vec<&str> = known.iter().map(Group::path).collect();
    match nearest(path, &paths) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if paths.is_empty() => format!("add group = \"{path}\" to a [[tenant]]"),
        None => format!("there are \"{}\"", paths.join("\", \"")),
    }
}

impl Reader {
    /// `group = "campus/north"` of a tenant.
    pub(super) fn group_of(&mut self, table: Table<'_>) -> Option<Group> {
        let (text, place) = self.string(table, "group")?;
        self.group_path(text, place)
    }

    fn group_path(&mut self, text: &str, place: Range<usize>) -> Option<Group> {
        let group = text.parse().ok();
        if group.is_none() {
            self.note(place, format!("\"{text}\" is no path of a group"), EXAMPLE);
        }
        group
    }

    /// A group that tenants are in.
    pub(super) fn known_group(
        &mut self,
        text: &str,
        place: Range<usize>,
        known: &BTreeSet<Group>,
    ) -> Option<Group> {
        let group = self.group_path(text, place.clone())?;
        // Without one tenant understood nobody knows who is in what.
        if !known.contains(&group) && (!known.is_empty() || self.mistakes.is_empty()) {
            self.note(place, format!("no tenant is in a group \"{text}\""), meant(text, known));
        }
        Some(group)
    }

    /// All `[[group]]`.
    pub(super) fn groups(&mut self, root: Table<'_>, tenants: &Tenants) -> Vec<Entry> {
        let known = tenants.groups();
        let mut entries: Vec<Entry> = Vec::new();
        for (table, at) in self.tables(root, "group") {
            self.keys(table, "[[group]]", &KEYS);
            if !table.contains_key("name") {
                self.missing(at.clone(), "[[group]]", "name", "name = \"campus/north\"");
            }
            let named = self.string(table, "name");
            let group = named.and_then(|(text, place)| self.known_group(text, place, &known));
            let title = self.string(table, "title").map(|(text, _)| text.to_owned());
            let language = self.language(table);
            let mail = self.mailboxes(table, "mail").iter().map(ToString::to_string).collect();
            let Some(group) = group else { continue };
            if entries.iter().any(|entry| entry.group == group) {
                self.note(at, format!("there are two [[group]] \"{group}\""), "put them into one");
            }
            entries.push(Entry { group, title, language, mail });
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use crate::config::read;
    use crate::statement::Language;

    const TEXT: &str = r#"
[[tenant]]
name = "a"
networks = ["10.1.0.0/16"]
group = "campus/north/floor 3"

[[tenant]]
name = "b"
networks = ["10.2.0.0/16"]
group = "campus/south"

[[tenant]]
name = "c"
networks = ["10.3.0.0/16"]

[[group]]
name = "campus"
title = "The whole campus"
language = "de"
mail = ["Dean <dean@example.org>"]

[[group]]
name = "campus/north"
"#;

    #[test]
    fn groups_are_understood_and_dumped() {
        let config = read(TEXT).unwrap();
        let members = config.group_members();
        let names = |at: usize| (members[at].0.as_str(), members[at].1.join(" "));
        assert_eq!(
            (0..members.len()).map(names).collect::<Vec<_>>(),
            [
                ("campus", "a b".to_owned()),
                ("campus/north", "a".to_owned()),
                ("campus/north/floor 3", "a".to_owned()),
                ("campus/south", "b".to_owned()),
            ]
        );
        let campus = config.group_named("campus").unwrap();
        assert_eq!(config.group_style(&campus).language, Language::German);
        let entry = config.group(&campus).unwrap();
        assert_eq!(
            (entry.title.as_deref(), &entry.mail[0][..]),
            (Some("The whole campus"), "Dean <dean@example.org>")
        );
        assert_eq!(config.membership().group("a", 2), Some("campus/north"));
        assert_eq!(config.membership().group("c", 0), None);
        let again = read(&config.dump()).unwrap();
        assert_eq!((&again.groups, again.dump()), (&config.groups, config.dump()));
        assert!(again.tenants.iter().eq(config.tenants.iter()));
    }

    /// The example of docs/tenants.md, and the groups that the page says it makes.
    #[test]
    fn the_example_is_understood() {
        let page = include_str!("../../../../docs/tenants.md");
        let section = page.split_once("\n## Groups\n").unwrap().1;
        let example = section.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
        let config =
            read(&format!("{example}\n[mail]\nfrom = \"a@example.org\"\nserver = \"mx\"\n")).unwrap();
        let paths: Vec<String> = config.tenants.groups().iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["campus", "campus/north", "campus/north/floor 3"]);
        assert_eq!(config.groups[0].title.as_deref(), Some("Campus, the north"));
    }

    #[test]
    fn mistakes_about_groups() {
        let said = |text: &str| -> Vec<String> {
            read(text).unwrap_err().iter().map(|m| format!("{}; {}", m.message, m.cure)).collect()
        };
        assert_eq!(
            said(&TEXT.replace("name = \"campus/north\"", "name = \"campus/nroth\"\ntitel = \"\"")),
            [
                "no tenant is in a group \"campus/nroth\"; did you mean \"campus/north\"?",
                "unknown key \"titel\" in [[group]]; did you mean \"title\"?",
            ]
        );
        assert_eq!(
            said(&TEXT.replace("group = \"campus/south\"", "group = \"campus//south\"")),
            [
                "\"campus//south\" is no path of a group; write names with / between them, as \"campus/north/floor 3\""
            ]
        );
        assert_eq!(
            said(&TEXT.replace("name = \"campus/north\"\n", "name = \"campus\"\n")),
            ["there are two [[group]] \"campus\"; put them into one"]
        );
        assert_eq!(
            said("[[tenant]]\nname = \"a\"\nnetworks = []\n[[group]]\nname = \"x\"\n[[group]]\n"),
            [
                "no tenant is in a group \"x\"; add group = \"x\" to a [[tenant]]",
                "[[group]] has no name; add name = \"campus/north\""
            ]
        );
        // What is wrong with tenants is said, and not what follows from it.
        assert_eq!(said(&TEXT.replace("10.2.0.0/16", "10.1.0.0/16")).len(), 1);
    }
}
