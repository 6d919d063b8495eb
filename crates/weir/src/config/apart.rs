//! Tables of tenants, read one after the other: of ten thousand of them the parsed document is many times the text.
//!
//! What is read so means the same as in one document, or is not taken: a text in which it is not plain where each table
//! ends is left as it is. The places in a piece are its own. So whoever finds a mistake in any of it reads the whole again.

use std::ops::Range;

/// A configuration with its `[[tenant]]` taken out.
#[derive(Debug, Default)]
pub(super) struct Apart {
    text: String,
    /// What stands under each `[[tenant]]`, in order.
    pieces: Vec<Range<usize>>,
}

const HEAD: &str = "[[tenant]]";

impl Apart {
    /// What stands under each `[[tenant]]`.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| self.text.get(piece.clone()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// The text without its tables of tenants, and these; `None` if there are none, or if it is not plain what is in them. `tables`
/// are the names that other tables may have.
pub(super) fn split(text: &str, tables: &[&str]) -> Option<(String, Apart)> {
    // In a text of several lines anything may look like a head.
    if !text.contains(HEAD) || text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let (mut rest, mut pieces) = (String::new(), Vec::<Range<usize>>::new());
    let (mut at, mut is_tenant) = (0, false);
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        if let Some(head) = line.trim_start().strip_prefix('[') {
            is_tenant = is_head_of_tenant(line);
            if is_tenant {
                pieces.push(at..at);
                continue;
            }
            let name = head.trim_start_matches('[').split([']', '.']).next().unwrap_or_default();
            if name == "tenant" || !tables.contains(&name) {
                return None;
            }
        }
        match pieces.last_mut() {
            Some(piece) if is_tenant && piece.end == begin => piece.end = at,
            _ => rest.push_str(line),
        }
    }
    Some((rest, Apart { text: text.to_owned(), pieces }))
}

fn is_head_of_tenant(line: &str) -> bool {
    let behind = line.trim_start().strip_prefix(HEAD).map(str::trim_start);
    behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::split;
    use crate::config::read;

    const TABLES: [&str; 4] = ["store", "tenant", "tariff", "billing"];

    #[test]
    fn tenants_are_taken_out_and_the_rest_is_in_order() {
        let text = "# of all\n[store]\npath = \"x\"\n  [[tenant]] # one\nname = \"a\"\n\n[[tariff]]\nname = \"t\"\n[[tenant]]\r\nname = \"b\"\n\
                    [[tariff.rule]]\nname = \"r\"\n[[tenant]]";
        let (rest, apart) = split(text, &TABLES).unwrap();
        assert_eq!(apart.pieces().collect::<Vec<_>>(), ["name = \"a\"\n\n", "name = \"b\"\n", ""]);
        assert_eq!(
            rest,
            "# of all\n[store]\npath = \"x\"\n[[tariff]]\nname = \"t\"\n[[tariff.rule]]\nname = \"r\"\n"
        );
    }

    #[test]
    fn what_is_not_plain_is_left_whole() {
        for text in [
            "[store]\n",
            "[[tenant]]\nname = \"\"\"\n[[tenant]]\n\"\"\"\n",
            "[[tenant]]\nname = '''a'''\n",
            "[[tenant]]\n[tenant.more]\n",
            "[[tenant]]\n[\"tenant\"]\n",
            "[[tenant]]\n[ tenant ]\n",
            "[[tenant]]\nnetworks = [\n[\"a\"],\n]\n",
            "[[tenant]]\n[other]\n",
            "[[tenant]] x\n",
        ] {
            assert!(split(text, &TABLES).is_none(), "{text}");
        }
    }

    /// What would be two mistakes in one document is found although each piece by itself is right.
    #[test]
    fn a_mistake_has_its_place_in_the_whole() {
        let said = |text: &str| -> Vec<(usize, String)> {
            let mistakes = read(text).unwrap_err();
            mistakes.into_iter().map(|mistake| (mistake.line(text), mistake.message)).collect()
        };
        let tenant = |name: &str, net: u8| {
            format!("[[tenant]]\nname = \"{name}\"\nnetworks = [\"10.0.{net}.0/24\"]\n")
        };
        let (one, two) = (tenant("a", 1), tenant("b", 2));
        assert_eq!(
            said(&format!("{one}{two}{}", tenant("a", 3))),
            [(7, "there are two tenants \"a\"".to_owned())]
        );
        let broken = format!("{one}{two}nested = maybe\n");
        assert_eq!(said(&broken)[0].0, 7);
        assert_eq!(said(&format!("tenant = []\n{one}"))[0].0, 2);
        assert_eq!(said(&format!("{one}language = \"xx\"\n"))[0].0, 4);
        // An array that goes over a head is none.
        assert!(!said(&format!("own = [\n{one}]\n")).is_empty());
    }

    /// So many that several threads read them: in their order, each with its own, and a mistake in the last is found.
    #[test]
    fn many_are_read_as_few_are() {
        let tenant = |n: u16| {
            let unit = if n.is_multiple_of(2) { "unit = 1024\n" } else { "" };
            format!("[[tenant]]\nname = \"t{n}\"\nnetworks = [\"10.{}.{}.0/24\"]\n{unit}", n / 200, n % 200)
        };
        let text: String = (0..1201).map(tenant).collect();
        let config = read(&text).unwrap();
        let names: Vec<&str> = config.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
        assert_eq!(names, (0..1201).map(|n| format!("t{n}")).collect::<Vec<_>>());
        assert_eq!([1198, 1199].map(|n| config.style(Some(&format!("t{n}"))).unit.factor()), [1024, 1000]);
        let mistakes = read(&format!("{text}nested = maybe\n")).unwrap_err();
        assert_eq!(mistakes[0].line(&text), text.lines().count() + 1);
    }
}
