//! `[[rollup]]`: what is added up of every segment before anybody asks.

use super::dump::{list, quote};
use super::read::{Reader, Table};
use std::fmt::{self, Write};
use std::ops::Range;
use weir_query::{Bucket, Key, Rollup};

const KEYS: [&str; 4] = ["name", "keys", "width", "keep"];
/// More of them would take more time than they save.
const ROLLUPS_MAX: usize = 16;

impl Reader {
    /// All of them.
    pub(super) fn rollups(&mut self, root: Table<'_>) -> Vec<Rollup> {
        let mut rollups: Vec<Rollup> = Vec::new();
        for (table, at) in self.tables(root, "rollup") {
            let Some(rollup) = self.rollup(table, &at) else { continue };
            if rollups.iter().any(|other| other.name() == rollup.name()) {
                self.note(at, format!("there are two roll-ups \"{}\"", rollup.name()), "rename one");
            } else if rollups.len() >= ROLLUPS_MAX {
                self.note(
                    at,
                    format!("there are more than {ROLLUPS_MAX} roll-ups"),
                    "keep those that are asked for",
                );
            } else {
                rollups.push(rollup);
            }
        }
        rollups
    }

    fn rollup(&mut self, table: Table<'_>, at: &Range<usize>) -> Option<Rollup> {
        self.keys(table, "[[rollup]]", &KEYS);
        for (key, example) in [
            ("name", "name = \"as-by-hour\""),
            ("keys", "keys = [\"src_as\", \"dst_as\"]"),
            ("width", "width = \"1h\""),
        ] {
            if !table.contains_key(key) {
                self.missing(at.clone(), "[[rollup]]", key, example);
            }
        }
        let name = self.string(table, "name");
        let width = self.string(table, "width");
        let keys = self.rollup_keys(table);
        let keep_ms = self.age(table, "keep");
        let (name, _) = name?;
        let (width, place) = width?;
        let width_ms = match Bucket::by_name(width) {
            Some(Bucket::Width(ms)) => ms,
            _ => {
                let cure = "write 5m, 10m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d";
                self.note(place, format!("\"{width}\" is no width of a roll-up"), cure);
                return None;
            }
        };
        let cure = "see docs/rollups.md; an example: keys = [\"src_as\", \"dst_as\"], width = \"1h\"";
        let made = Rollup::new(name, keys?, width_ms);
        let made = made.map(|rollup| rollup.kept_for(keep_ms));
        made.map_err(|why| self.note(at.clone(), format!("the roll-up \"{name}\": {why}"), cure)).ok()
    }

    /// Its keys, as `weir top` takes them; `None` where there is none of a name.
    fn rollup_keys(&mut self, table: Table<'_>) -> Option<Vec<Key>> {
        let mut keys = Vec::new();
        for (name, place) in self.strings(table, "keys") {
            let meant = Key::all_by_name(&name.to_ascii_lowercase());
            if meant.is_empty() {
                self.note(place, format!("there is nothing \"{name}\" to add up by"), "see weir top --help");
                return None;
            }
            keys.extend(meant);
        }
        (!keys.is_empty()).then_some(keys)
    }
}

/// A roll-up as TOML.
pub(super) fn write(rollup: &Rollup, out: &mut String) -> fmt::Result {
    let keys: Vec<String> = rollup.keys().iter().map(Key::to_string).collect();
    let width = Bucket::Width(rollup.width_ms()).to_string();
    let width = width.strip_prefix("time/").unwrap_or(&width);
    writeln!(out, "\n[[rollup]]\nname = {}\nkeys = {}", quote(rollup.name()), list(&keys))?;
    writeln!(out, "width = \"{width}\"")?;
    rollup.keep_ms().map_or(Ok(()), |ms| writeln!(out, "keep = \"{} hours\"", ms / 3_600_000))
}

#[cfg(test)]
mod tests {
    use crate::config::read;

    #[test]
    fn mistakes_say_what_to_write() {
        let said = |text: &str| -> Vec<String> {
            let mistakes = read(&format!("[[rollup]]\n{text}")).unwrap_err();
            mistakes.iter().map(|mistake| format!("{}; {}", mistake.message, mistake.cure)).collect()
        };
        for (text, part) in [
            ("keys = [\"src_as\"]\nwidth = \"1h\"", "[[rollup]] has no name; add name = \"as-by-hour\""),
            ("name = \"a\"\nwidth = \"1h\"", "has no keys"),
            ("name = \"a\"\nkeys = [\"src_as\"]", "has no width"),
            ("name = \"a\"\nkeys = [\"src_as\"]\nwidth = \"7m\"", "\"7m\" is no width of a roll-up"),
            ("name = \"a\"\nkeys = [\"src_as\"]\nwidth = \"month\"", "no width of a roll-up"),
            ("name = \"a\"\nkeys = [\"src_as\"]\nwidth = \"1m\"", "its width is none of 5m"),
            ("name = \"a\"\nkeys = [\"sorce\"]\nwidth = \"1h\"", "there is nothing \"sorce\" to add up by"),
            ("name = \"a\"\nkeys = [\"octets\"]\nwidth = \"1h\"", "octets is what is added up"),
            ("name = \"A b\"\nkeys = [\"src_as\"]\nwidth = \"1h\"", "\"A b\" is no name"),
        ] {
            let said = said(text);
            assert!(said.iter().any(|one| one.contains(part)), "{text}: {said:?}");
        }
        let twice = "name = \"a\"\nkeys = [\"as\"]\nwidth = \"1h\"\n";
        assert!(said(&format!("{twice}[[rollup]]\n{twice}"))[0].contains("two roll-ups \"a\""));
        let config = read(&format!("[[rollup]]\n{twice}")).unwrap();
        assert_eq!(config.rollups[0].keys().len(), 2, "as is both");
        assert_eq!(read(&config.dump()).unwrap().rollups, config.rollups);
    }
}
