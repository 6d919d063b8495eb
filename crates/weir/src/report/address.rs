//! Addresses and what is known of them: on their own, and beside the numbers of other answers.

use super::sheet::{Head, Kind, Value};
use super::table::{Align, Columns};
use super::value::printable;
use super::{Form, csv_line};
use crate::name::{Glossary, Known};
use serde_json::{Map, Value as Json, json};
use weir_account::Zone;
use weir_flow::Addr;

/// What follows the name of a column of addresses, for what is known of them.
const KNOWN: [(&str, Kind); 4] =
    [("name", Kind::Text), ("country", Kind::Text), ("as", Kind::Unsigned), ("organization", Kind::Text)];

/// The columns of what is known of the addresses in a column.
pub(crate) fn heads(column: &str) -> impl Iterator<Item = Head> {
    KNOWN
        .map(|(what, kind)| Head { optional: true, ..Head::new(format!("{column}_{what}"), kind) })
        .into_iter()
}

/// What is known of an address, in the order of [`heads`].
pub(crate) fn values(known: Option<&Known>) -> [Value; 4] {
    let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
    let Some(known) = known else { return [const { Value::Null }; 4] };
    let system = known.system.map_or(Value::Null, |system| Value::Unsigned(system.into()));
    [text(&known.name), text(&known.country), system, text(&known.organization)]
}

/// What people read beside an address: its name, else whose network it is in; and the country.
pub(crate) fn beside(known: &Known) -> Option<String> {
    let system = known.system.map(|system| match &known.organization {
        Some(organization) => format!("AS{system} {organization}"),
        None => format!("AS{system}"),
    });
    let called = known.name.clone().or(system).or_else(|| known.organization.clone());
    let words: Vec<String> = called.into_iter().chain(known.country.clone()).collect();
    (!words.is_empty()).then(|| printable(&words.join(", ")))
}

/// A line an address, in the order given.
pub(crate) fn render(addresses: &[Addr], known: &Glossary, zone: &Zone, form: Form) -> String {
    let rows: Vec<(Addr, Known)> = addresses
        .iter()
        .map(|address| (*address, known.address(*address).cloned().unwrap_or_default()))
        .collect();
    match form {
        Form::Json => {
            let all: Vec<Json> = rows.iter().map(|(address, known)| object(*address, known, zone)).collect();
            format!("{:#}\n", json!({ "addresses": all }))
        }
        Form::Ndjson => {
            rows.iter().map(|(address, known)| format!("{}\n", object(*address, known, zone))).collect()
        }
        Form::Csv => {
            let head = csv_line(["address", "name", "source", "as_of", "country", "as", "organization"]);
            rows.iter().fold(head, |text, (address, known)| text + &csv_line(cells(*address, known, zone)))
        }
        Form::Table | Form::Parquet | Form::Arrow => {
            let heads = ["address", "name", "from", "as of", "country", "AS", "organization"];
            let mut table = Columns::new(heads.map(|head| (head, Align::Left)));
            for (address, known) in &rows {
                table.row(cells(*address, known, zone).map(|cell| printable(&cell)));
            }
            table.render()
        }
    }
}

fn cells(address: Addr, known: &Known, zone: &Zone) -> [String; 7] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        address.to_string(),
        text(&known.name),
        known.source.unwrap_or_default().to_owned(),
        known.as_of.map(|ms| zone.rfc3339(ms)).unwrap_or_default(),
        text(&known.country),
        known.system.map(|system| system.to_string()).unwrap_or_default(),
        text(&known.organization),
    ]
}

/// What is unknown is left out.
fn object(address: Addr, known: &Known, zone: &Zone) -> Json {
    let members = [
        ("address", Some(json!(address.to_string()))),
        ("name", known.name.as_ref().map(|name| json!(name))),
        ("source", known.source.map(|source| json!(source))),
        ("as_of", known.as_of.map(|ms| json!(zone.rfc3339(ms)))),
        ("country", known.country.as_ref().map(|country| json!(country))),
        ("as", known.system.map(|system| json!(system))),
        ("organization", known.organization.as_ref().map(|organization| json!(organization))),
    ];
    let known = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Json::Object(known.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_an_address_stands_its_name_or_whose_it_is() {
        let known = |name: Option<&str>, system, organization: Option<&str>, country: Option<&str>| Known {
            name: name.map(str::to_owned),
            system,
            organization: organization.map(str::to_owned),
            country: country.map(str::to_owned),
            ..Known::default()
        };
        let said = |known: Known| beside(&known).unwrap_or_default();
        assert_eq!(said(known(Some("a.example"), Some(64_500), Some("One"), Some("DE"))), "a.example, DE");
        assert_eq!(said(known(None, Some(64_500), Some("One"), Some("DE"))), "AS64500 One, DE");
        assert_eq!(said(known(None, Some(64_500), None, None)), "AS64500");
        assert_eq!(said(known(None, None, Some("One"), None)), "One");
        assert_eq!(said(known(Some("a\u{1b}[2J"), None, None, None)), "a\\u{1b}[2J");
        assert_eq!(beside(&Known::default()), None);
    }
}
