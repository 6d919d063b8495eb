//! Answers as plain columns with types: what every form but the table for people is made from, so that the figures
//! are the same in all of them.

use super::csv_line;
use serde_json::{Map, Value as Json, json};

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Text,
    /// Never negative.
    Unsigned,
    /// A difference.
    Signed,
    /// With a fraction.
    #[cfg_attr(not(feature = "sql"), expect(dead_code, reason = "only SQL has them"))]
    Double,
    /// Milliseconds since 1970.
    Time,
}

/// A value; `Null` is unknown.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Text(String),
    Unsigned(u128),
    Signed(i128),
    #[cfg_attr(not(feature = "sql"), expect(dead_code, reason = "only SQL has them"))]
    Double(f64),
    Time(i64),
}

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Left out of JSON objects where it is null: names beside numbers.
    pub(crate) optional: bool,
}

impl Head {
    pub(crate) fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, optional: false }
    }

    pub(crate) fn optional(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Text, optional: true }
    }
}

/// Rows of columns.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) heads: Vec<Head>,
    /// Each has as many values as there are heads.
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Value {
    /// As JSON: an integer as long as JSON's readers can be expected to keep it, text beyond.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Text(text) => json!(text),
            Self::Unsigned(n) => u64::try_from(*n).map_or_else(|_| json!(n.to_string()), |n| json!(n)),
            Self::Signed(n) => i64::try_from(*n).map_or_else(|_| json!(n.to_string()), |n| json!(n)),
            Self::Double(n) => json!(n),
            Self::Time(ms) => json!(ms),
        }
    }

    /// As plain text: unknown is empty.
    pub(crate) fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Unsigned(n) => n.to_string(),
            Self::Signed(n) => n.to_string(),
            Self::Double(n) => n.to_string(),
            Self::Time(ms) => ms.to_string(),
        }
    }
}

impl Sheet {
    /// A row as an object.
    fn object(&self, row: &[Value]) -> Json {
        let known = self.heads.iter().zip(row).filter(|(head, v)| !head.optional || **v != Value::Null);
        Json::Object(known.map(|(head, value)| (head.name.clone(), value.json())).collect::<Map<_, _>>())
    }

    /// Every row as an object.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Json> + '_ {
        self.rows.iter().map(|row| self.object(row))
    }

    /// An object a line.
    pub(crate) fn ndjson(&self) -> String {
        self.objects().map(|object| format!("{object}\n")).collect()
    }

    /// A line of heads, then a line a row.
    pub(crate) fn csv(&self) -> String {
        let mut out = csv_line(self.heads.iter().map(|head| head.name.as_str()));
        for row in &self.rows {
            out.push_str(&csv_line(row.iter().map(Value::plain)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_null_and_empty_and_what_is_optional_is_left_out() {
        let sheet = Sheet {
            heads: vec![
                Head::new("a", Kind::Unsigned),
                Head::optional("a_name"),
                Head::new("d", Kind::Signed),
            ],
            rows: vec![
                vec![Value::Null, Value::Null, Value::Signed(-5)],
                vec![Value::Unsigned(u128::MAX), Value::Text("x,y".into()), Value::Signed(0)],
            ],
        };
        assert_eq!(sheet.csv(), "a,a_name,d\n,,-5\n340282366920938463463374607431768211455,\"x,y\",0\n");
        assert_eq!(
            sheet.ndjson(),
            "{\"a\":null,\"d\":-5}\n\
             {\"a\":\"340282366920938463463374607431768211455\",\"a_name\":\"x,y\",\"d\":0}\n"
        );
    }
}
