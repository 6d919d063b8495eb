//! Every language says everything, and writes numbers as its readers do.

use super::*;
use std::collections::BTreeSet;

/// What stands in braces.
fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn every_language_has_every_word_with_the_same_places() {
    let english = Language::English.words().all();
    for language in Language::ALL {
        for ((key, text), (_, like)) in language.words().all().into_iter().zip(&english) {
            assert!(!text.trim().is_empty(), "{key} in {language:?}");
            assert_eq!(places(text), places(like), "{key} in {language:?}");
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{key} in {language:?}");
            assert!(
                language == Language::English || text != *like || text.len() < 6,
                "{key} is not translated: {text}"
            );
        }
    }
}

#[test]
fn numbers_are_written_as_each_language_does() {
    let all = |write: &dyn Fn(Language) -> String| Language::ALL.map(write);
    assert_eq!(all(&|l| l.number(1_234_567u64)), ["1,234,567", "1.234.567", "1\u{a0}234\u{a0}567"]);
    assert_eq!(all(&|l| l.number(999u64)), ["999"; 3]);
    assert_eq!(all(&|l| l.decimal("-1234.50")), ["−1,234.50", "−1.234,50", "−1\u{a0}234,50"]);
    assert_eq!(all(&|l| l.signed(-1_000)), ["−1,000", "−1.000", "−1\u{a0}000"]);
    assert_eq!(all(&|l| l.size(67_673_187_000u64, Unit::Decimal)), ["67.673 GB", "67,673 GB", "67,673 ГБ"]);
    assert_eq!(all(&|l| l.size(512u64, Unit::Binary)), ["512 B", "512 B", "512 Б"]);
    assert_eq!(all(&|l| l.share(412, 1000)), ["41.2 %", "41,2 %", "41,2 %"]);
    assert_eq!(all(&|l| l.share(1, 0)), ["–"; 3]);
    let (euro, amount) = (Currency::by_code("EUR").unwrap(), Money { minor: 123_450 });
    assert_eq!(all(&|l| l.money(amount, &euro, Some("€"))), ["1,234.50 €", "1.234,50 €", "1\u{a0}234,50 €"]);
    assert_eq!(all(&|l| l.money(amount, &euro, None))[0], "1,234.50 EUR");
    assert_eq!(
        all(&|l| l.instant("2026-10-25T00:00:00+02:00")),
        ["2026-10-25 00:00 +02:00", "25.10.2026 00:00 +02:00", "25.10.2026 00:00 +02:00"]
    );
    assert_eq!(Language::English.instant("2026-10-25T12:30:07Z"), "2026-10-25 12:30:07 Z");
}

/// The seed's figure, and halves: 500 octets are half of a thousandth of a MB.
#[test]
fn millions_have_three_places_and_no_groups() {
    let millions = |octets| Language::English.millions(octets, Unit::Decimal);
    assert_eq!(millions(67_673_187_000), "67673.187 MB");
    assert_eq!(
        [0, 499, 500, 1_499, 1_500].map(millions),
        ["0.000 MB", "0.000 MB", "0.001 MB", "0.001 MB", "0.002 MB"]
    );
    assert_eq!(Language::German.millions(67_673_187_000, Unit::Decimal), "67673,187 MB");
    // 67,673,187,000 / 1,048,576 = 64,538.180...
    assert_eq!(Language::Russian.millions(67_673_187_000, Unit::Binary), "64538,180 МиБ");
    assert_eq!(millions(u64::MAX), "18446744073709.552 MB");
}

#[test]
fn texts_are_filled() {
    assert_eq!(fill("{a} of {b}, {a}", &[("a", "1"), ("b", "{a}")]), "1 of {a}, 1");
    assert_eq!(fill("nothing {here", &[]), "nothing {here");
    assert_eq!(fill("{unknown}!", &[]), "!");
}
