//! Mail: what was sent to whom, what waits and what failed; and messages as a mail program's file.

use super::Form;
use super::sheet::{Head, Kind, Sheet, Value};
use super::table::{Align, Columns};
use jiff::Timestamp;
use serde_json::json;
use weir_account::Zone;
use weir_books::{Delivery, State};

/// Deliveries, in the order they were queued.
pub(crate) struct Mailbag<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Mailbag<'_> {
    /// In a form.
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", json!({ "letters": self.sheet().objects().collect::<Vec<_>>() })),
            Form::Ndjson => self.sheet().ndjson(),
            Form::Csv => self.sheet().csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(),
        }
    }

    fn sheet(&self) -> Sheet {
        let heads = [
            ("kind", Kind::Text),
            ("tenant", Kind::Text),
            ("period", Kind::Text),
            ("edition", Kind::Unsigned),
            ("recipient", Kind::Text),
            ("state", Kind::Text),
            ("since_ms", Kind::Time),
            ("tries", Kind::Unsigned),
            ("next_ms", Kind::Time),
            ("reply", Kind::Text),
            ("subject", Kind::Text),
            ("message_id", Kind::Text),
            ("queued_ms", Kind::Time),
        ];
        let text = |text: &String| Value::Text(text.clone());
        let row = |one: &Delivery| {
            vec![
                text(&one.kind),
                if one.about.is_empty() { Value::Null } else { text(&one.about) },
                text(&one.period),
                Value::Unsigned(one.edition.into()),
                text(&one.recipient),
                Value::Text(one.state.word().to_owned()),
                Value::Time(one.at_ms),
                Value::Unsigned(one.tries.into()),
                one.next_ms.map_or(Value::Null, Value::Time),
                text(&one.reply),
                text(&one.subject),
                text(&one.message_id),
                Value::Time(one.queued_ms),
            ]
        };
        Sheet {
            heads: heads.into_iter().map(|(name, kind)| Head::new(name, kind)).collect(),
            rows: self.deliveries.iter().map(row).collect(),
        }
    }

    fn text(&self) -> String {
        if self.deliveries.is_empty() {
            return String::new();
        }
        let left = Align::Left;
        let mut table = Columns::new([
            ("tenant", left),
            ("period", left),
            ("recipient", left),
            ("state", left),
            ("since", left),
            ("tries", Align::Right),
            ("what was said", left),
        ]);
        for one in &self.deliveries {
            table.row([
                if one.about.is_empty() { format!("({})", one.kind) } else { one.about.clone() },
                one.period.clone(),
                one.recipient.clone(),
                self.state(one),
                self.zone.rfc3339(one.at_ms / 1000 * 1000),
                one.tries.to_string(),
                one.reply.clone(),
            ]);
        }
        table.render()
    }

    /// What has become of it, and what will.
    fn state(&self, one: &Delivery) -> String {
        let again = if one.edition > 1 { format!(" (edition {})", one.edition) } else { String::new() };
        match (one.state, one.next_ms) {
            (State::Queued, Some(next_ms)) => {
                format!("queued{again}, next try {}", self.zone.rfc3339(next_ms / 1000 * 1000))
            }
            (state, _) => format!("{}{again}", state.word()),
        }
    }
}

/// A message as part of an mbox, as mail programs read it (RFC 4155, with lines that look like its own quoted).
pub(crate) fn mbox(message: &[u8], now_ms: i64) -> String {
    let date = Timestamp::from_millisecond(now_ms).map(|at| at.strftime("%a %b %e %H:%M:%S %Y").to_string());
    let mut out = format!("From weir {}\n", date.unwrap_or_default());
    for line in String::from_utf8_lossy(message).replace("\r\n", "\n").lines() {
        if line.trim_start_matches('>').starts_with("From ") {
            out.push('>');
        }
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(state: State, next_ms: Option<i64>) -> Delivery {
        Delivery {
            letter: 1,
            kind: "statement".to_owned(),
            about: "acme".to_owned(),
            period: "2026-10".to_owned(),
            edition: 2,
            digest: [0; 32],
            message_id: "<a@b>".to_owned(),
            subject: "traffic".to_owned(),
            queued_ms: 0,
            recipient: "a@example.com".to_owned(),
            state,
            at_ms: 1_793_512_800_999,
            tries: 3,
            next_ms,
            reply: "451 busy".to_owned(),
        }
    }

    #[test]
    fn what_waits_says_until_when() {
        let zone = Zone::utc();
        let bag = Mailbag { zone: &zone, deliveries: vec![delivery(State::Queued, Some(1_793_512_860_000))] };
        let text = bag.render(Form::Csv);
        let row = "statement,acme,2026-10,2,a@example.com,queued,1793512800999,3,1793512860000,451 busy,traffic,<a@b>,0";
        assert_eq!(text.lines().nth(1), Some(row));
        let text = bag.render(Form::Table);
        let line = "acme    2026-10  a@example.com  queued (edition 2), next try 2026-11-01T06:01:00+00:00  \
                    2026-11-01T06:00:00+00:00      3  451 busy";
        assert_eq!(text.lines().nth(1), Some(line), "{text}");
        let none = Mailbag { zone: &zone, deliveries: Vec::new() };
        assert_eq!(none.render(Form::Table), "");
    }

    #[test]
    fn an_mbox_quotes_what_looks_like_its_own() {
        let text = mbox(b"Subject: x\r\n\r\nFrom here\r\n>From there\r\nFromage\r\n", 1_793_512_800_000);
        let expected =
            "From weir Sun Nov  1 06:00:00 2026\nSubject: x\n\n>From here\n>>From there\nFromage\n\n";
        assert_eq!(text, expected);
    }
}
