//! `to_char(start, 'YYYY-MM-DD HH24:MI')`, as PostgreSQL has it. The engine's own takes other patterns, and gives back these
//! as they stand.

use super::{text_at, texts, wrong};
use datafusion::arrow::array::temporal_conversions::{
    as_datetime, as_datetime_with_timezone, timestamp_ms_to_datetime,
};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

/// `to_char`.
pub(super) static TO_CHAR: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(ScalarUDF::from(ToChar { signature }))
});

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToChar {
    signature: Signature,
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        "to_char"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(time) if time.is_temporal() || time.is_null() => Ok(DataType::Utf8),
            _ => Err(wrong(
                "to_char shows times: write a number as text with ::text, or round it with round()",
            )),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args.args.iter().map(|value| value.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let [times, patterns] = arrays.as_slice() else {
            return Err(wrong("to_char takes a time and a pattern"));
        };
        let clock = Clock::of(times)?;
        let patterns = texts(patterns)?;
        let mut out = StringBuilder::new();
        // One pattern for all rows is the rule.
        let mut known: Option<(String, Vec<Piece>)> = None;
        for row in 0..rows {
            let Some(pattern) = text_at(&patterns, row) else {
                out.append_null();
                continue;
            };
            if known.as_ref().is_none_or(|(text, _)| text != pattern) {
                known = Some((pattern.to_owned(), pieces(pattern)));
            }
            let pieces = known.as_ref().map(|(_, pieces)| pieces.as_slice()).unwrap_or_default();
            match clock.fields(row) {
                Some(fields) => {
                    out.append_value(pieces.iter().map(|piece| piece.text(&fields)).collect::<String>());
                }
                None => out.append_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

/// Times, as the clocks of their zone show them.
struct Clock {
    times: ArrayRef,
    zone: Option<Tz>,
}

/// A moment's fields, by the letters that the calendar library has for them.
type Fields = Box<dyn Fn(&str) -> String>;

impl Clock {
    fn of(times: &ArrayRef) -> Result<Self> {
        let zone = match times.data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let parsed = zone.as_deref().map(str::parse::<Tz>).transpose()?;
        Ok(Self { times: cast(times, &DataType::Timestamp(TimeUnit::Millisecond, zone))?, zone: parsed })
    }

    fn fields(&self, row: usize) -> Option<Fields> {
        let times = self.times.as_primitive_opt::<TimestampMillisecondType>()?;
        if times.is_null(row) {
            return None;
        }
        let ms = times.value(row);
        Some(match self.zone {
            Some(zone) => {
                let time = as_datetime_with_timezone::<TimestampMillisecondType>(ms, zone)?;
                Box::new(move |letters| time.format(letters).to_string())
            }
            None => {
                let time =
                    as_datetime::<TimestampMillisecondType>(ms).or_else(|| timestamp_ms_to_datetime(ms))?;
                Box::new(move |letters| time.format(letters).to_string())
            }
        })
    }
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// As it stands.
    Literal(String),
    /// A field, and how it is written.
    Field(&'static Field, Style),
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Style {
    case: Case,
    /// `FM`: without what fills it up.
    is_bare: bool,
    /// `TH`, `th`: what an ordinal number ends with.
    ordinal: Option<Case>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    /// As the word is.
    Own,
}

/// A field of a moment.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    /// PostgreSQL's name, in capitals.
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Digits, by the calendar library's letters.
    Number(&'static str),
    /// A word, which is filled up to so many characters.
    Word(&'static str, usize),
    /// The last so many digits of the year.
    Year(usize),
    /// The offset from UTC: `+02`, `+05:30`.
    Offset,
    /// The quarter.
    Quarter,
    /// The week of the year, of which the first begins on its first day.
    Week,
    /// The day of the week, Sunday is 1.
    Weekday,
}

/// Longer names before those that they begin with.
const FIELDS: &[Field] = &[
    Field { name: "HH24", kind: Kind::Number("%H") },
    Field { name: "HH12", kind: Kind::Number("%I") },
    Field { name: "IYYY", kind: Kind::Number("%G") },
    Field { name: "YYYY", kind: Kind::Number("%Y") },
    Field { name: "MONTH", kind: Kind::Word("%B", 9) },
    Field { name: "DDD", kind: Kind::Number("%j") },
    Field { name: "DAY", kind: Kind::Word("%A", 9) },
    Field { name: "MON", kind: Kind::Word("%b", 3) },
    Field { name: "AM", kind: Kind::Word("%p", 2) },
    Field { name: "PM", kind: Kind::Word("%p", 2) },
    Field { name: "DD", kind: Kind::Number("%d") },
    Field { name: "DY", kind: Kind::Word("%a", 3) },
    Field { name: "HH", kind: Kind::Number("%I") },
    Field { name: "ID", kind: Kind::Number("%u") },
    Field { name: "IW", kind: Kind::Number("%V") },
    Field { name: "MI", kind: Kind::Number("%M") },
    Field { name: "MM", kind: Kind::Number("%m") },
    Field { name: "MS", kind: Kind::Number("%3f") },
    Field { name: "OF", kind: Kind::Offset },
    Field { name: "SS", kind: Kind::Number("%S") },
    // Zones have no short names here.
    Field { name: "TZ", kind: Kind::Offset },
    Field { name: "US", kind: Kind::Number("%6f") },
    Field { name: "WW", kind: Kind::Week },
    Field { name: "YYY", kind: Kind::Year(3) },
    Field { name: "YY", kind: Kind::Year(2) },
    Field { name: "Y", kind: Kind::Year(1) },
    Field { name: "D", kind: Kind::Weekday },
    Field { name: "Q", kind: Kind::Quarter },
];

/// A pattern in its parts. What is in double quotes, or is no field, stands for itself.
fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let inside = rest.get(1..).unwrap_or_default();
            let (text, after) = inside.split_once('"').unwrap_or((inside, ""));
            literal.push_str(text);
            rest = after;
            continue;
        }
        let bare = rest.get(..2).filter(|two| two.eq_ignore_ascii_case("FM")).and_then(|_| rest.get(2..));
        let here = bare.unwrap_or(rest);
        let starts = |field: &&Field| {
            here.get(..field.name.len()).is_some_and(|start| start.eq_ignore_ascii_case(field.name))
        };
        match FIELDS.iter().find(starts) {
            Some(field) => {
                let (name, after) = here.split_at(field.name.len());
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                let case = match name {
                    name if name == field.name => Case::Upper,
                    name if name == field.name.to_lowercase() => Case::Lower,
                    _ => Case::Own,
                };
                let ordinal = match after.get(..2) {
                    _ if matches!(field.kind, Kind::Word(..) | Kind::Offset) => None,
                    Some("TH") => Some(Case::Upper),
                    Some("th") => Some(Case::Lower),
                    _ => None,
                };
                pieces.push(Piece::Field(field, Style { case, is_bare: bare.is_some(), ordinal }));
                rest = if ordinal.is_some() { after.get(2..).unwrap_or_default() } else { after };
            }
            None => {
                literal.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

impl Piece {
    fn text(&self, fields: &Fields) -> String {
        let text = self.field(fields);
        let Self::Field(_, Style { ordinal: Some(case), .. }) = self else { return text };
        let number: u64 = text.parse().unwrap_or_default();
        let end = match (number % 100, number % 10) {
            (11..=13, _) => "th",
            (_, 1) => "st",
            (_, 2) => "nd",
            (_, 3) => "rd",
            _ => "th",
        };
        let end = if *case == Case::Upper { end.to_uppercase() } else { end.to_owned() };
        text + &end
    }

    fn field(&self, fields: &Fields) -> String {
        let (field, style) = match self {
            Self::Literal(text) => return text.clone(),
            Self::Field(field, style) => (field, style),
        };
        let number = |letters| fields(letters).parse::<u32>().unwrap_or_default();
        match field.kind {
            Kind::Number(letters) => bare(fields(letters), style.is_bare),
            Kind::Year(digits) => {
                let year = fields("%Y");
                let from = year.len().saturating_sub(digits);
                bare(year.get(from..).unwrap_or_default().to_owned(), style.is_bare)
            }
            Kind::Offset => {
                let offset = fields("%:z");
                offset.strip_suffix(":00").map_or(offset.clone(), str::to_owned)
            }
            Kind::Quarter => number("%m").div_ceil(3).to_string(),
            Kind::Week => bare(format!("{:02}", number("%j").div_ceil(7)), style.is_bare),
            Kind::Weekday => number("%w").saturating_add(1).to_string(),
            Kind::Word(letters, width) => {
                let word = match style.case {
                    Case::Upper => fields(letters).to_uppercase(),
                    Case::Lower => fields(letters).to_lowercase(),
                    Case::Own => fields(letters),
                };
                if style.is_bare { word } else { format!("{word:<width$}") }
            }
        }
    }
}

/// A number without the zeros that fill it up.
fn bare(digits: String, is_bare: bool) -> String {
    match digits.trim_start_matches('0') {
        _ if !is_bare => digits,
        "" => "0".to_owned(),
        rest => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As PostgreSQL 15 answers of `timestamptz '2026-02-03 04:05:06.789+00'`.
    #[test]
    fn patterns_are_postgresqls() {
        let ms = 1_770_091_506_789;
        let zone: Tz = "UTC".parse().unwrap();
        let time = as_datetime_with_timezone::<TimestampMillisecondType>(ms, zone).unwrap();
        let fields: Fields = Box::new(move |letters| time.format(letters).to_string());
        let text =
            |pattern: &str| pieces(pattern).iter().map(|piece| piece.text(&fields)).collect::<String>();
        for (pattern, is) in [
            ("YYYY-MM-DD HH24:MI:SS.MS", "2026-02-03 04:05:06.789"),
            ("YY/FMMM/FMDD HH12 AM hh pm", "26/2/3 04 AM 04 am"),
            ("Day, DDth Month YYYY", "Tuesday  , 03rd February  2026"),
            ("FMDay, FMDDth FMMonth", "Tuesday, 3rd February"),
            ("DY Dy dy MON mon", "TUE Tue tue FEB feb"),
            ("DDD D ID IW IYYY WW Q US", "034 3 2 06 2026 05 1 789000"),
            ("\"YYYY\" T%Y ü", "YYYY T%6 ü"),
            ("YYY Y OF DD TH MONTH month", "026 6 +00 03 TH FEBRUARY  february "),
            ("", ""),
        ] {
            assert_eq!(text(pattern), is, "{pattern}");
        }
    }
}
