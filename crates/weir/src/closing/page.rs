//! How closings and what `weir verify` found look.

use super::close::Done;
use super::figure::{Amounts, Figures, UNITS, Used, WAYS};
use super::recount::Origin;
use super::verify::{Problem, Source, Verified};
use super::zone;
use crate::exit::{Failure, Outcome};
use crate::report::csv_line;
use crate::report::number::{grouped, octets, things};
use crate::report::table::{Align, Columns};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use weir_account::money::Money;
use weir_account::statement::Unit;
use weir_books::{Adjustment, Books, Closed, Kept, digest};

/// A closing as it stands in the books: the same, whenever it is asked for.
pub(crate) struct Page {
    closed: Closed,
    statements: Vec<(Kept, Figures)>,
    /// Of earlier periods: what it adjusts, by how much, and of which period.
    adjustments: Vec<(Adjustment, Figures, String)>,
    /// Amounts of these, by tenant.
    adjusted: BTreeMap<String, Vec<Amounts>>,
}

impl Page {
    /// Reads it.
    ///
    /// # Errors
    /// The books cannot be read.
    pub(crate) fn of(done: &Done) -> Outcome<Self> {
        let (books, closed) = (&done.books, &done.closed);
        let wrong =
            |what: &str| Failure::new(format!("the figures of {what} cannot be read: run `weir verify`"));
        let mut kept = Vec::new();
        books.statements(closed.place, |one| kept.push(one))?;
        let mut statements = Vec::new();
        for one in kept {
            books.vouch(&one)?;
            let figures =
                Figures::parse(&one.figures).ok_or_else(|| wrong(&format!("statement {}", one.number)))?;
            statements.push((one, figures));
        }
        let mut adjustments = Vec::new();
        for one in books.adjustments(closed.place)? {
            let figures = Figures::parse(&one.figures).ok_or_else(|| wrong("an adjustment"))?;
            let period = period_of(books, one.adjusts)?;
            adjustments.push((one, figures, period));
        }
        let mut adjusted: BTreeMap<String, Vec<Amounts>> = BTreeMap::new();
        for (adjustment, figures, _) in &adjustments {
            adjusted.entry(adjustment.tenant.clone()).or_default().extend(figures.bill.clone());
        }
        Ok(Self { closed: closed.clone(), statements, adjustments, adjusted })
    }

    /// For programs.
    ///
    /// # Errors
    /// What is kept is not understood.
    pub(crate) fn document(&self) -> Outcome<Json> {
        let closing = &self.closed.closing;
        let zone = zone(&closing.zone)?;
        let made_from: Json = serde_json::from_str(&closing.made_from)
            .map_err(|error| Failure::new(format!("what {} was made from: {error}", closing.period)))?;
        let statements = self.statements.iter().map(|(kept, figures)| {
            let mut one = figures.members();
            one.shift_insert(0, "number".to_owned(), json!(kept.number));
            one.shift_insert(1, "tenant".to_owned(), json!(kept.tenant));
            if let Some(amounts) = &figures.bill {
                let text = |sum: Option<Money>| sum.map(|sum| amounts.currency.text(sum));
                let adjusted = self.adjusted(kept, amounts);
                one.insert("adjusted".to_owned(), json!(text(adjusted)));
                one.insert(
                    "to_pay".to_owned(),
                    json!(text(adjusted.and_then(|sum| amounts.gross.plus(sum)))),
                );
            }
            one.insert("document_sha256".to_owned(), json!(digest::hex(&digest::of(&kept.document))));
            one.insert("digest".to_owned(), json!(digest::hex(&kept.digest)));
            Json::Object(one)
        });
        let adjustments = self.adjustments.iter().map(|(adjustment, figures, period)| {
            let mut one = figures.members();
            one.shift_insert(0, "tenant".to_owned(), json!(adjustment.tenant));
            one.shift_insert(1, "adjusts_statement".to_owned(), json!(adjustment.statement));
            one.shift_insert(2, "of_period".to_owned(), json!(period));
            Json::Object(one)
        });
        Ok(json!({
            "period": {
                "name": closing.period,
                "from": zone.rfc3339(closing.from_ms),
                "to": zone.rfc3339(closing.to_ms),
                "zone": closing.zone,
            },
            "closing": self.closed.place,
            "closed_at": zone.rfc3339(closing.at_ms),
            "before_its_end": closing.is_early,
            "version": closing.version,
            "statements": statements.collect::<Vec<_>>(),
            "adjustments": adjustments.collect::<Vec<_>>(),
            "made_from": made_from,
            "digest": digest::hex(&self.closed.digest),
        }))
    }

    /// For people.
    ///
    /// # Errors
    /// The zone is none any more.
    pub(crate) fn text(&self, unit: Unit) -> Outcome<String> {
        let closing = &self.closed.closing;
        let zone = zone(&closing.zone)?;
        let mut out = format!(
            "{} is closed: {} to {} ({})\nat {} by {}{}\n\n",
            closing.period,
            zone.rfc3339(closing.from_ms),
            zone.rfc3339(closing.to_ms),
            closing.zone,
            zone.rfc3339(closing.at_ms),
            closing.version,
            if closing.is_early { ", before its end" } else { "" }
        );
        out.push_str(&self.table(unit));
        if !self.adjustments.is_empty() {
            out.push_str("\nadjustments of earlier periods\n");
            for (adjustment, figures, period) in &self.adjustments {
                let which = adjustment.statement.map_or_else(String::new, |n| format!(" (statement {n})"));
                // Writing into a string does not fail.
                let _ = writeln!(out, "  {}, {period}{which}: {}", adjustment.tenant, change(figures));
            }
        }
        let _ = write!(out, "\nthe chain ends in {}\n", digest::hex(&self.closed.digest));
        Ok(out)
    }

    /// For spreadsheets: a line for each statement, then for each adjustment.
    pub(crate) fn csv(&self) -> String {
        let heads = WAYS.iter().flat_map(|way| UNITS.map(|unit| format!("{way}_{unit}")));
        let before = ["line", "number", "tenant", "period"].map(str::to_owned);
        let after = ["net", "gross", "currency", "digest"].map(str::to_owned);
        let mut out = csv_line(before.into_iter().chain(heads).chain(after));
        let mut line = |before: [String; 4], figures: &Figures, digest: String| {
            let numbers = figures.used.as_flattened().iter().map(ToString::to_string);
            let amounts = figures.bill.as_ref().map_or_else(<[String; 3]>::default, |bill| {
                [
                    bill.currency.text(bill.net),
                    bill.currency.text(bill.gross),
                    bill.currency.code().to_owned(),
                ]
            });
            out.push_str(&csv_line(before.into_iter().chain(numbers).chain(amounts).chain([digest])));
        };
        for (kept, figures) in &self.statements {
            let before =
                ["statement".to_owned(), kept.number.to_string(), kept.tenant.clone(), kept.period.clone()];
            line(before, figures, digest::hex(&kept.digest));
        }
        for (adjustment, figures, period) in &self.adjustments {
            let number = adjustment.statement.map(|number| number.to_string()).unwrap_or_default();
            line(
                ["adjustment".to_owned(), number, adjustment.tenant.clone(), period.clone()],
                figures,
                String::new(),
            );
        }
        out
    }

    fn table(&self, unit: Unit) -> String {
        let right = Align::Right;
        let mut table = Columns::new([
            ("number", right),
            ("tenant", Align::Left),
            ("in", right),
            ("out", right),
            ("local in", right),
            ("local out", right),
            ("charges", right),
            ("adjusted", right),
            ("to pay", right),
            ("document (SHA-256)", Align::Left),
        ]);
        for (kept, figures) in &self.statements {
            let [came, went, local_in, local_out] = ways(&figures.used, unit);
            let dash = || ["–"; 3].map(str::to_owned);
            let amounts = figures.bill.as_ref().map_or_else(dash, |amounts| {
                let adjusted = self.adjusted(kept, amounts);
                let text =
                    |sum: Option<Money>| sum.map_or_else(|| "?".to_owned(), |sum| amounts.with_code(sum));
                [Some(amounts.gross), adjusted, adjusted.and_then(|sum| amounts.gross.plus(sum))].map(text)
            });
            let [charges, adjusted, to_pay] = amounts;
            let document: String = digest::hex(&digest::of(&kept.document)).chars().take(16).collect();
            let number = kept.number.to_string();
            let tenant = kept.tenant.clone();
            table.row([number, tenant, came, went, local_in, local_out, charges, adjusted, to_pay, document]);
        }
        table.render()
    }

    /// What is adjusted on a tenant's statement, in the currency that it is paid in; `None` if it does not fit.
    fn adjusted(&self, kept: &Kept, amounts: &Amounts) -> Option<Money> {
        let own = self.adjusted.get(&kept.tenant).into_iter().flatten();
        Money::sum(own.filter(|bill| bill.currency == amounts.currency).map(|bill| bill.gross))
    }
}

fn period_of(books: &Books, place: i64) -> Outcome<String> {
    Ok(books.closing(place)?.map_or_else(|| format!("closing {place}"), |closed| closed.closing.period))
}

fn ways(used: &Used, unit: Unit) -> [String; 4] {
    used.map(|[first, ..]| u128::try_from(first).map_or_else(|_| first.to_string(), |n| octets(n, unit)))
}

/// A difference, in exact figures: `in +1,000 octets, +2 packets, +1 flows; 0.08 EUR more`.
pub(super) fn change(figures: &Figures) -> String {
    let mut parts = Vec::new();
    for (way, [octets, packets, flows]) in ["in", "out", "local in", "local out"].iter().zip(figures.used) {
        if (octets, packets, flows) != (0, 0, 0) {
            parts.push(format!(
                "{way} {} octets, {} packets, {} flows",
                sign(octets),
                sign(packets),
                sign(flows)
            ));
        }
    }
    if let Some(bill) = &figures.bill {
        parts.push(format!("to pay {}", bill.to_pay()));
    }
    parts.join("; ")
}

fn sign(n: i128) -> String {
    format!("{}{}", if n < 0 { "−" } else { "+" }, grouped(n.unsigned_abs()))
}

/// What `weir verify` found, for people.
pub(crate) fn verified(found: &Verified) -> String {
    let mut out = String::new();
    for problem in &found.problems {
        // Writing into a string does not fail.
        let _ = writeln!(out, "{}", problem.sentence());
    }
    let Verified { files, bytes, records, .. } = found;
    let _ = writeln!(
        out,
        "store: {} of {} read, {} records",
        things(*files, "file"),
        things(*bytes, "byte"),
        grouped(*records)
    );
    if let Some(books) = &found.books {
        let _ = writeln!(
            out,
            "books: {}, {}, {}, {} of the audit trail; the chain ends in {}",
            things(books.closings, "closed period"),
            things(books.statements, "statement"),
            things(books.adjustments, "adjustment"),
            if books.entries == 1 {
                "1 entry".to_owned()
            } else {
                format!("{} entries", grouped(books.entries))
            },
            found.end
        );
    }
    for period in &found.periods {
        let how = match period.from {
            Source::Whole(Origin::Records) => "computed again from its records",
            Source::Whole(Origin::Accounts) => "computed again from its accounts: its records were given up",
            Source::GivenUp => {
                "NOT computed again: its records and accounts were given up, and it stands as it was closed"
            }
            Source::Unreadable => "NOT computed again: what it takes cannot be read",
        };
        let statements = things(period.statements.unsigned_abs(), "statement");
        let adjusted = match period.adjustments {
            0 => String::new(),
            n => format!(", with {} made since", things(n as u64, "adjustment")),
        };
        // Of several of one name it is told which.
        let is_one_of_many = found.periods.iter().filter(|one| one.period == period.period).count() > 1;
        let since = if is_one_of_many {
            format!(" (from {}, {})", period.starts_at, period.zone)
        } else {
            String::new()
        };
        let _ = writeln!(out, "{}{since}, {statements}: {how}{adjusted}", period.period);
    }
    out.push_str(&match found.problems.len() {
        0 if found.books.is_none() => format!(
            "all is as it was written, and every account is what its records say\nthere are no books: nothing was ever closed here, or \
             {} is gone\n",
            weir_books::FILE
        ),
        0 => "all is as it was written, every account is what its records say, and every closed figure stands\n".to_owned(),
        n => format!("{}\n", things(n as u64, "problem")),
    });
    out
}

/// The same for programs.
pub(crate) fn verified_document(found: &Verified) -> Json {
    let books = found.books.as_ref().map(|books| {
        json!({
            "closed_periods": books.closings, "statements": books.statements, "adjustments": books.adjustments,
            "audit_entries": books.entries, "digest": found.end,
        })
    });
    let periods = found.periods.iter().map(|period| {
        json!({
            "period": period.period, "starts_at": period.starts_at, "zone": period.zone,
            "statements": period.statements, "adjustments": period.adjustments,
            "computed_from": match period.from {
                Source::Whole(origin) => Some(origin.word()),
                Source::GivenUp | Source::Unreadable => None,
            },
        })
    });
    json!({
        "files": found.files,
        "bytes": found.bytes,
        "records": found.records,
        "books": books,
        "periods": periods.collect::<Vec<_>>(),
        "problems": found.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn problem(problem: &Problem) -> Json {
    let sentence = problem.sentence();
    match problem {
        Problem::File(error) => json!({ "file": error.path.to_string_lossy(), "problem": sentence }),
        Problem::Journal(damage) => json!({
            "file": damage.path.to_string_lossy(), "from": damage.bytes.start, "to": damage.bytes.end, "problem": sentence,
        }),
        Problem::Row { table, row, .. } => {
            json!({ "file": weir_books::FILE, "table": table, "row": row, "problem": sentence })
        }
        Problem::Period { period, .. } => json!({ "period": period, "problem": sentence }),
        Problem::Figure(wrong) => json!({
            "statement": wrong.statement,
            "tenant": wrong.tenant,
            "period": wrong.period,
            "field": wrong.difference.field,
            "closed": wrong.difference.closed,
            "now": wrong.difference.now,
            "problem": sentence,
        }),
    }
}
