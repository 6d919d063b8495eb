//! One text, which is also what every file and list of hosts holds: it is a filter that can be written and read
//! back, or a mistake with a place in the text. What a filter rules out by its conditions it does not find, and
//! what it leaves `not` finds.

use std::sync::Arc;
use weir_flow::Batch;
use weir_flow::batch::RowBuilder;
use weir_flow::civil::Civil;
use weir_flow::filter::{Filter, Names, Outside, TEXT_BYTES_MAX};
use weir_flow::schema::Column;

#[derive(Debug)]
struct World(String);

impl Outside for World {
    fn file(&self, path: &str) -> Result<String, String> {
        if path.len() > 8 { Err("too long".into()) } else { Ok(self.0.clone()) }
    }

    fn addresses(&self, host: &str) -> Result<Vec<weir_flow::Addr>, String> {
        let address = format!("192.0.2.{}", host.len() % 256);
        Ok(vec![address.parse().map_err(|_| "no address".to_owned())?])
    }
}

/// What must hold of any octets.
pub(crate) fn filter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let names = Names {
        exporters: vec![("core".into(), "192.0.2.1".parse().unwrap())],
        groups: vec![("campus/north".into(), vec!["b".into(), "a".into()])],
        zone: Civil::new(3_600_000, [(2, 7_200_000)]),
        outside: Some(Arc::new(World(text.clone().into_owned()))),
        ..Names::default()
    };
    let filter = match Filter::parse_with(&text, &names) {
        Ok(filter) => filter,
        Err(mistake) => {
            assert!(text.get(mistake.place.clone()).is_some(), "{mistake:?}");
            assert!(mistake.render(&text).lines().count() >= 3);
            return;
        }
    };
    let written = filter.to_string();
    if written.len() <= TEXT_BYTES_MAX {
        assert_eq!(Filter::parse_with(&written, &names).as_ref(), Ok(&filter), "{written}");
    }
    let batch = rows();
    let found = run(&filter, &batch);
    if written.len() + 6 <= TEXT_BYTES_MAX
        && let Ok(complement) = Filter::parse_with(&format!("not ({written})"), &names)
    {
        assert!(found.iter().zip(run(&complement, &batch)).all(|(found, left)| *found != left), "{written}");
    }
    let conjuncts = filter.conjuncts();
    for (row, found) in found.iter().enumerate() {
        let is_met = conjuncts.iter().all(|conjunct| conjunct.is_met(&batch, row));
        assert!(is_met || !found, "{written}: row {row}");
        assert!(!is_met || *found || !filter.is_told_by_conjuncts(), "{written}: row {row}");
    }
}

fn run(filter: &Filter, batch: &Batch) -> Vec<bool> {
    let mut out = Vec::new();
    filter.eval(batch, &mut out);
    out
}

/// A row with everything, one with some of it, and one with nothing.
fn rows() -> Batch {
    let mut batch = Batch::new();
    let some = || {
        RowBuilder::new()
            .time(Column::Start, 0)
            .time(Column::End, 90_000)
            .addr(Column::SrcAddr, "10.0.0.1".parse().unwrap())
            .addr(Column::DstAddr, "2001:db8::1".parse().unwrap())
            .unsigned(Column::SrcPort, 443)
            .unsigned(Column::DstPort, 80)
            .unsigned(Column::Proto, 6)
            .unsigned(Column::TcpFlags, 0x12)
            .traffic(1000, 10)
    };
    some().push(&mut batch);
    some()
        .addr(Column::Exporter, "192.0.2.1".parse().unwrap())
        .addr(Column::NextHop, "192.0.2.9".parse().unwrap())
        .unsigned(Column::SrcAs, 64_500)
        .unsigned(Column::IngressIf, 5)
        .unsigned(Column::Tos, 0xb8)
        .direction(weir_flow::names::Direction::Out)
        .push(&mut batch);
    RowBuilder::new().push(&mut batch);
    batch
}
