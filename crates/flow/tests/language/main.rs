//! `docs/filter.md`: its examples are filters, and its tables of other tools' spellings are true. And texts as a fuzzer
//! makes them: the fuzz target `filter` plays what libFuzzer chooses, here its corpus is replayed.
#![expect(clippy::disallowed_methods, reason = "a test reads the page that it checks, and its corpus")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod fuzz;

use std::sync::Arc;
use weir_flow::Addr;
use weir_flow::filter::{Filter, Interface, Names, Outside};

/// Every file and every host that the page names.
#[derive(Debug)]
struct World;

impl Outside for World {
    fn file(&self, path: &str) -> Result<String, String> {
        Ok(match path {
            "networks.txt" | "my networks.txt" => "10.0.0.0/8\n192.0.2.0/24 # the lab\n",
            "ports.txt" => "80, 443, 8000-8100",
            "peers.txt" => "AS64500 64501",
            "office.filter" => "src net 192.168.31.0/24\nor dst net 192.168.31.0/24",
            _ => return Err("no such file".into()),
        }
        .into())
    }

    fn addresses(&self, host: &str) -> Result<Vec<Addr>, String> {
        match host {
            "www.example.org" => Ok(vec!["192.0.2.80".parse().unwrap(), "2001:db8::80".parse().unwrap()]),
            "desk-1" => Ok(vec!["192.168.31.2".parse().unwrap()]),
            _ => Err("no such host".into()),
        }
    }
}

fn names() -> Names {
    let core: Addr = "192.0.2.1".parse().unwrap();
    let interface =
        |name: &str, index| Interface { name: name.into(), exporter: core, index, when: i64::MIN..i64::MAX };
    Names {
        exporters: vec![("core".into(), core)],
        tenants: vec!["avtotrade".into(), "other".into()],
        groups: vec![("campus/north".into(), vec!["avtotrade".into()])],
        interfaces: vec![interface("GigabitEthernet0/1", 7)],
        outside: Some(Arc::new(World)),
        ..Names::default()
    }
}

fn page() -> String {
    std::fs::read_to_string(weir_testkit::repository().join("docs/filter.md")).unwrap()
}

fn read(text: &str) -> Filter {
    Filter::parse_with(text, &names()).unwrap_or_else(|mistake| panic!("{}", mistake.render(text)))
}

#[test]
fn every_example_is_a_filter_and_reads_back() {
    let page = page();
    let blocks = page.split("```filter\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<&str> = blocks.flat_map(str::lines).collect();
    assert!(examples.len() > 70, "{}", examples.len());
    for example in examples {
        let filter = read(example);
        assert!(!filter.is_everything(), "{example}");
        assert_eq!(Filter::parse_with(&filter.to_string(), &names()), Ok(filter), "{example}");
    }
}

#[test]
fn the_mistake_on_the_page_is_what_is_answered() {
    let page = page();
    let shown = page.split("```text\n").nth(1).unwrap().split("\n```").next().unwrap();
    let text = shown.lines().nth(1).unwrap().trim_start();
    assert_eq!(Filter::parse(text).unwrap_err().render(text), shown);
}

#[test]
fn the_tables_are_true() {
    let page = page();
    let rows = page.lines().filter_map(|line| {
        // A bar within a cell is written `\|`.
        let line = line.replace("\\|", "\u{1}");
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect();
        match cells.as_slice() {
            [_, theirs, here, what, _] if theirs.starts_with('`') => {
                Some((theirs.trim_matches('`').to_owned(), here.trim_matches('`').to_owned(), what.clone()))
            }
            _ => None,
        }
    });
    let mut counts = [0; 3];
    for (theirs, here, what) in rows {
        let answer = Filter::parse_with(&theirs, &names());
        match what.as_str() {
            "same" => {
                let meant = answer.unwrap_or_else(|mistake| panic!("{}", mistake.render(&theirs)));
                // The same text means the same tree, less which of two equal words were typed.
                assert_eq!(meant.to_string(), read(&here).to_string(), "{theirs}");
                counts[0] += 1;
            }
            "suggests" => {
                let mistake = answer.expect_err(&theirs);
                let suggestion =
                    mistake.suggestion.as_deref().unwrap_or_else(|| panic!("{theirs}: {mistake}"));
                let mut instead = theirs.clone();
                instead.replace_range(mistake.place.clone(), suggestion);
                assert_eq!(instead, here, "{theirs}: {mistake}");
                read(&here);
                counts[1] += 1;
            }
            "says why" => {
                let mistake = answer.expect_err(&theirs);
                assert!(here.is_empty() && mistake.suggestion.is_none(), "{theirs}: {mistake}");
                counts[2] += 1;
            }
            other => panic!("{theirs} {other}"),
        }
    }
    assert!(counts[0] > 75 && counts[1] > 20 && counts[2] > 15, "{counts:?}");
}

#[test]
fn the_corpus_passes() {
    let corpus = weir_testkit::repository().join("fuzz/corpus/filter");
    let mut files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5);
    for file in files {
        println!("{}", file.display());
        fuzz::filter(&std::fs::read(&file).unwrap());
    }
}
