//! `[[class]]`: classes of traffic by its remote side (docs/classes.md).

use super::dump::{list, quote};
use super::mistake::nearest;
use super::read::{Reader, Table, number};
use super::tariff::hours_text;
use super::{Config, Exporter};
use std::fmt::Write;
use std::ops::Range;
use toml::de::DeValue;
use weir_account::Classes;
use weir_account::Prefix;
use weir_account::class::{Class, List, Way};
use weir_account::tariff::Tariff;

/// The largest file of prefixes: more than all that are routed in the world.
const FILE_BYTES_MAX: u64 = 64 << 20;

const WAYS: [(&str, Way); 2] = [("in", Way::In), ("out", Way::Out)];
const KEYS: [&str; 9] =
    ["name", "networks", "networks_file", "as", "exporter", "interfaces", "hours", "weekdays", "direction"];

impl Reader {
    pub(super) fn classes(&mut self, root: Table<'_>, exporters: &[Exporter]) -> Classes {
        let mut all = Vec::new();
        let mut place = Range::default();
        for (table, at) in self.tables(root, "class") {
            place = at.clone();
            all.extend(self.class(table, at, exporters));
        }
        Classes::new(all).unwrap_or_else(|too_many| {
            self.note(place, too_many.to_string(), "put several into one");
            Classes::default()
        })
    }

    fn class(&mut self, table: Table<'_>, at: Range<usize>, exporters: &[Exporter]) -> Option<Class> {
        self.keys(table, "[[class]]", &KEYS);
        let Some((name, place)) = self.string(table, "name") else {
            if !table.contains_key("name") {
                self.missing(at, "[[class]]", "name", "name = \"free\"");
            }
            return None;
        };
        if name.trim().is_empty() || name == crate::statement::ALL {
            let cure = "write another name, as \"free\" or \"transit\"";
            self.note(place, format!("\"{name}\" is no name for a class"), cure);
        }
        let networks = self.strings(table, "networks").into_iter();
        let networks = networks.filter_map(|(text, place)| self.network(text, place)).collect();
        Some(Class {
            name: name.to_owned(),
            networks,
            listed: self.listed(table),
            systems: self.systems(table).into_iter().collect(),
            interfaces: self.at_exporter(table, at, exporters),
            hours: self.hours(table),
            direction: self.word(table, "direction", &WAYS),
        })
    }

    /// `as = [64500, "AS64501"]`.
    fn systems(&mut self, table: Table<'_>) -> Vec<u32> {
        let Some(value) = table.get("as") else { return Vec::new() };
        let cure = "write as = [64500, 64501]";
        let DeValue::Array(items) = value.get_ref() else {
            self.note(value.span(), "as is no list of autonomous systems", cure);
            return Vec::new();
        };
        let mut systems = Vec::new();
        for item in items.iter() {
            let system = match item.get_ref() {
                DeValue::String(text) => text.trim_start_matches(['A', 'S', 'a', 's']).parse().ok(),
                _ => number(item).and_then(|n| u32::try_from(n).ok()),
            };
            match system {
                Some(system) => systems.push(system),
                None => self.note(item.span(), "this is no autonomous system", cure),
            }
        }
        systems
    }

    /// `exporter = "core"` with `interfaces = ["uplink", 7]`.
    fn at_exporter(
        &mut self,
        table: Table<'_>,
        at: Range<usize>,
        exporters: &[Exporter],
    ) -> Option<(weir_flow::Addr, std::collections::BTreeSet<u32>)> {
        let named = self.string(table, "exporter");
        let interfaces = table.get("interfaces");
        let (Some((name, place)), Some(interfaces)) = (&named, interfaces) else {
            if named.is_some() || interfaces.is_some() {
                let cure = "write exporter = \"core\" and interfaces = [\"uplink\", 7]";
                self.note(at, "interfaces of a class are those of one exporter", cure);
            }
            return None;
        };
        let (address, names) = self.exporter_named(name, place.clone(), exporters)?;
        let DeValue::Array(items) = interfaces.get_ref() else {
            let cure = "write interfaces = [\"uplink\", 7]";
            self.note(interfaces.span(), "interfaces is no list of interfaces", cure);
            return None;
        };
        let indexes = items.iter().filter_map(|item| self.interface(item, names)).collect();
        Some((address, indexes))
    }

    /// `networks_file = "national.txt"`: prefixes in lines, with spaces or commas between several; `#` begins a comment.
    fn listed(&mut self, table: Table<'_>) -> Option<List> {
        let (path, place) = self.string(table, "networks_file")?;
        let empty = List { path: path.to_owned(), networks: [].into() };
        if !self.opens_files {
            return Some(empty);
        }
        match read_prefixes(path) {
            Ok(networks) => Some(List { networks: networks.into(), ..empty }),
            Err((what, cure)) => {
                self.note(place, what, cure);
                Some(empty)
            }
        }
    }

    /// The classes that tariffs name must be there; but of a file of tariffs only, nobody knows.
    pub(super) fn classes_of_tariffs(&mut self, root: Table<'_>, classes: &Classes, tariffs: &[Tariff]) {
        if !root.contains_key("class") && !root.contains_key("tenant") && self.apart.is_empty() {
            return;
        }
        for ((_, at), tariff) in self.tables(root, "tariff").into_iter().zip(tariffs) {
            if let Some((what, cure)) = unknown(classes, tariff) {
                self.note(at, what, cure);
            }
        }
    }
}

/// The first class that a tariff names and that there is not: a sentence, and what to do.
pub(crate) fn unknown(classes: &Classes, tariff: &Tariff) -> Option<(String, String)> {
    let known = classes.names();
    let class = tariff.classes().find(|class| !known.contains(class))?;
    let cure = match nearest(class, &known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("add [[class]] with name = \"{class}\""),
    };
    Some((format!("the tariff \"{}\" is about the class \"{class}\", which there is not", tariff.name), cure))
}

/// The prefixes in a file; or what is wrong with it, and what to do.
fn read_prefixes(path: &str) -> Result<Vec<Prefix>, (String, String)> {
    let cure = "write the path of a file with prefixes, one a line";
    let failed = |why: String| (format!("cannot read the file {path}: {why}"), cure.to_owned());
    let text = crate::name::read_list(path, FILE_BYTES_MAX).map_err(failed)?;
    let prefixes = prefixes(&text).map_err(|(line, why)| {
        let (what, cure) = why.split_once(": ").or_else(|| why.split_once("; ")).unwrap_or((&why, cure));
        (format!("{path}, line {line}: {what}"), cure.to_owned())
    })?;
    if prefixes.is_empty() {
        return Err((format!("there is no prefix in {path}"), cure.to_owned()));
    }
    Ok(prefixes)
}

/// The prefixes of a text; or the first line that has something else, from 1, and why it is none.
fn prefixes(text: &str) -> Result<Vec<Prefix>, (usize, String)> {
    let mut prefixes = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let said = line.split_once('#').map_or(line, |(said, _)| said);
        for word in said.split([' ', '\t', ',', '\r']).filter(|word| !word.is_empty()) {
            prefixes.push(word.parse::<Prefix>().map_err(|error| (number, error.to_string()))?);
        }
    }
    Ok(prefixes)
}

/// The classes of a configuration as TOML.
pub(super) fn write(config: &Config, out: &mut String) -> std::fmt::Result {
    for class in config.classes.iter() {
        writeln!(out, "\n[[class]]\nname = {}", quote(&class.name))?;
        if !class.networks.is_empty() {
            let networks: Vec<String> = class.networks.iter().map(ToString::to_string).collect();
            writeln!(out, "networks = {}", list(&networks))?;
        }
        if let Some(listed) = &class.listed {
            writeln!(out, "networks_file = {}", quote(&listed.path))?;
        }
        let numbers = |numbers: &mut dyn Iterator<Item = u32>| {
            numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
        };
        if !class.systems.is_empty() {
            writeln!(out, "as = [{}]", numbers(&mut class.systems.iter().copied()))?;
        }
        if let Some((address, interfaces)) = &class.interfaces {
            let name = quote(&config.exporter_name(*address));
            let interfaces = numbers(&mut interfaces.iter().copied());
            writeln!(out, "exporter = {name}\ninterfaces = [{interfaces}]")?;
        }
        if let Some(hours) = &class.hours {
            writeln!(out, "{}", hours_text(hours))?;
        }
        if let Some(way) = class.direction {
            writeln!(out, "direction = \"{}\"", way.word())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{read, read_kept};
    use weir_account::class::OTHER;

    #[test]
    fn prefixes_are_read_as_filters_read_lists() {
        let text = "# national\n192.0.2.0/24, 198.51.100.0/25\n\n 2001:db8::/32 # six\r\n203.0.113.7\n";
        let found: Vec<String> = prefixes(text).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.0/24", "198.51.100.0/25", "2001:db8::/32", "203.0.113.7/32"]);
        let (line, why) = prefixes("10.0.0.0/8\n10.0.0.1/8\n").unwrap_err();
        assert_eq!(line, 2);
        assert!(why.contains("10.0.0.0/8"), "{why}");
    }

    /// The example of docs/classes.md.
    #[test]
    fn the_example_is_understood() {
        let page = include_str!("../../../../docs/classes.md");
        let example = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
        let config = read_kept(example).unwrap();
        assert_eq!(config.classes.names(), ["free", "national", "peering", "night", OTHER]);
        let again = read_kept(&config.dump()).unwrap();
        assert_eq!((&again.classes, again.dump()), (&config.classes, config.dump()));
    }

    #[test]
    fn classes_survive_their_dump() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("national.txt");
        std::fs::write(&path, "192.0.2.0/24\n").unwrap();
        let text = format!(
            "[[exporter]]\nname = \"core\"\naddress = \"192.0.2.1\"\ninterfaces = {{ uplink = 7 }}\n[[class]]\nname = \
             \"other\"\nnetworks = [\"198.51.100.128/25\"]\n[[class]]\nname = \"free\"\nnetworks = \
             [\"198.51.100.0/24\"]\nas = [64500, \"AS64501\"]\nexporter = \"core\"\ninterfaces = [\"uplink\", 9]\nhours = \
             \"22:00-06:00\"\nweekdays = \"mon-fri\"\ndirection = \"in\"\n[[class]]\nname = \
             \"national\"\nnetworks_file = {}\n[billing]\nzone = \"Europe/Berlin\"\n",
            quote(&path.display().to_string())
        );
        let config = read(&text).unwrap();
        assert_eq!(config.classes.names(), ["free", "national", OTHER]);
        let free = config.classes.iter().nth(1).unwrap();
        assert_eq!(free.systems.iter().copied().collect::<Vec<_>>(), [64_500, 64_501]);
        let (exporter, interfaces) = free.interfaces.clone().unwrap();
        assert_eq!(
            (exporter.to_string(), interfaces.into_iter().collect()),
            ("192.0.2.1".to_owned(), vec![7, 9])
        );
        assert_eq!(free.direction, Some(Way::In));
        assert_eq!(free.hours.unwrap().minutes(), (22 * 60, 6 * 60));
        let national = config.classes.iter().nth(2).unwrap().listed.clone().unwrap();
        assert_eq!(national.networks.len(), 1);
        let again = read(&config.dump()).unwrap();
        assert_eq!((&again.classes, again.dump()), (&config.classes, config.dump()));
        // What a closed period keeps is read when the file is long gone.
        std::fs::remove_file(&path).unwrap();
        assert!(read(&text).is_err());
        assert_eq!(read_kept(&text).unwrap().classes.names(), ["free", "national", OTHER]);
    }

    #[test]
    fn mistakes_are_told_with_their_cure() {
        let told = |text: &str| -> Vec<String> {
            read(text).unwrap_err().iter().map(|m| format!("{}; {}", m.message, m.cure)).collect()
        };
        assert_eq!(
            told("[[class]]\nnetworks = [\"10.0.0.0/8\"]\n"),
            ["[[class]] has no name; add name = \"free\""]
        );
        assert!(told("[[class]]\nname = \"all\"\n")[0].contains("is no name for a class"));
        let interfaces = told("[[class]]\nname = \"a\"\ninterfaces = [7]\n");
        assert!(interfaces[0].contains("those of one exporter"), "{interfaces:?}");
        let missing = told("[[class]]\nname = \"a\"\nnetworks_file = \"/nowhere/at/all\"\n");
        assert!(missing[0].starts_with("cannot read the file /nowhere/at/all"), "{missing:?}");
        let tariff = "[[class]]\nname = \"free\"\n[[tariff]]\nname = \"t\"\ncurrency = \"EUR\"\n[[tariff.rule]]\nper = \
                      \"GB\"\nprice = \"1\"\nclasses = [\"fre\"]\n";
        let named = told(tariff);
        assert_eq!(
            named,
            ["the tariff \"t\" is about the class \"fre\", which there is not; did you mean \"free\"?"]
        );
        // A file of tariffs alone says nothing of classes.
        assert!(
            read(
                tariff
                    .split_once("[[tariff]]")
                    .map(|(_, rest)| format!("[[tariff]]{rest}"))
                    .unwrap()
                    .as_str()
            )
            .is_ok()
        );
    }
}
