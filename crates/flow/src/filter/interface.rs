//! Interfaces by the names that exporters gave them: `in if GigabitEthernet0/1`.
//!
//! A name stands for an index of one exporter for some time, so a comparison with a name is one of three columns.

use super::Names;
use super::expr::{Expr, Test};
use super::range::Ranges;
use super::subject::Subject;
use super::value::time_number;
use crate::schema::Column;
use std::ops::Range;

/// An interface that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name or its description.
    pub name: String,
    /// Whose it is.
    pub exporter: crate::Addr,
    /// Its index there.
    pub index: u32,
    /// When it was called so, ms since 1970: from, and not after.
    pub when: Range<i64>,
}

/// Whether a subject is an interface, or either of two.
pub(super) fn is_interface(subject: Subject) -> bool {
    let both = Column::IngressIf.bit() | Column::EgressIf.bit();
    matches!(subject, Subject::Columns(mask) if mask & !both == 0)
}

/// The condition that the subject is an interface of this name; `None` if there is none.
pub(super) fn named(subject: Subject, name: &str, names: &Names) -> Option<Expr> {
    let found: Vec<Expr> =
        names.interfaces.iter().filter(|i| is_called(&i.name, name)).map(|i| condition(subject, i)).collect();
    (!found.is_empty()).then(|| Expr::any_of(found))
}

fn condition(subject: Subject, interface: &Interface) -> Expr {
    let exporter = interface.exporter.bits();
    let test = |subject, low, high| Expr::Test(Test::ranges(subject, Ranges::between(low, high)));
    let index = u128::from(interface.index);
    let mut expr =
        test(Subject::column(Column::Exporter), exporter, exporter).and(test(subject, index, index));
    let Range { start, end } = interface.when;
    if start != i64::MIN || end != i64::MAX {
        let last = if end == i64::MAX { end } else { end.saturating_sub(1) };
        expr = expr.and(test(Subject::column(Column::Received), time_number(start), time_number(last)));
    }
    expr
}

/// Whether an interface of this name is meant: `gi0/1` is GigabitEthernet0/1, as routers themselves have it.
fn is_called(name: &str, said: &str) -> bool {
    if name.eq_ignore_ascii_case(said) {
        return true;
    }
    let split = |text: &str| {
        let at = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (kind, place) = text.split_at_checked(at).unwrap_or((text, ""));
        (kind.to_ascii_lowercase(), place.to_ascii_lowercase())
    };
    let ((kind, place), (said_kind, said_place)) = (split(name), split(said));
    let short = kind.len().min(said_kind.len());
    place == said_place
        && place.starts_with(|c: char| c.is_ascii_digit())
        && short >= 2
        && kind.get(..short) == said_kind.get(..short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RowBuilder;
    use crate::filter::Filter;
    use crate::{Addr, Batch};

    #[test]
    fn kinds_may_be_shortened_and_nothing_else() {
        for said in ["GigabitEthernet0/1", "gi0/1", "Gig0/1", "GIGABITETHERNET0/1"] {
            assert!(is_called("GigabitEthernet0/1", said), "{said}");
            assert!(is_called(said, "GigabitEthernet0/1"), "{said}");
        }
        for said in ["g0/1", "gi0/11", "te0/1", "gi", "0/1", "gi0/1.5"] {
            assert!(!is_called("GigabitEthernet0/1", said), "{said}");
        }
        assert!(is_called("to core", "To Core"));
        assert!(!is_called("to core", "to edge"));
    }

    #[test]
    fn a_name_is_one_exporters_for_its_time() {
        let exporter = |n| Addr::v4([192, 0, 2, n]);
        let interface =
            |name: &str, n, index, when| Interface { name: name.into(), exporter: exporter(n), index, when };
        let names = Names {
            interfaces: vec![
                interface("Gi0/1", 1, 7, i64::MIN..1000),
                interface("Te0/1", 1, 7, 1000..i64::MAX),
                interface("Gi0/1", 2, 9, i64::MIN..i64::MAX),
            ],
            ..Names::default()
        };
        let mut batch = Batch::new();
        for (n, ingress, egress, received) in
            [(1, 7, 1, 999), (1, 7, 1, 1000), (2, 7, 9, 5000), (2, 1, 7, 5000), (1, 1, 7, 2000)]
        {
            RowBuilder::new()
                .addr(Column::Exporter, exporter(n))
                .unsigned(Column::IngressIf, ingress)
                .unsigned(Column::EgressIf, egress)
                .time(Column::Received, received)
                .push(&mut batch);
        }
        let found = |text: &str| -> Vec<usize> {
            let filter = Filter::parse_with(text, &names).unwrap();
            assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter, "{text}");
            let mut truth = Vec::new();
            filter.eval(&batch, &mut truth);
            truth.iter().enumerate().filter(|(_, t)| **t).map(|(row, _)| row).collect()
        };
        assert_eq!(found("if Gi0/1"), [0, 2]);
        assert_eq!(found("in if GigabitEthernet0/1"), [0]);
        assert_eq!(found("in if = 'Te0/1'"), [1]);
        assert_eq!(found("out if [te0/1, gi0/1]"), [2, 4]);
        assert_eq!(found("in if [te0/1, 1]"), [1, 3, 4]);
        assert_eq!(found("in if != te0/1"), [0, 2, 3, 4]);
        let mistake = Filter::parse_with("in if Gi0/2", &names).unwrap_err();
        assert_eq!(mistake.message, "no exporter has said the name of an interface `Gi0/2`");
        assert_eq!(mistake.suggestion.as_deref(), Some("Gi0/1"));
    }
}
