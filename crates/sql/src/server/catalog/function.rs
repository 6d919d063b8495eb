//! The functions that PostgreSQL's clients ask of its catalog.

use super::{Value, name_of, number_of, setting};
use crate::session::CATALOG;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use pgwire::api::Type;
use std::sync::Arc;

/// The value for some arguments.
type Body = fn(&[ScalarValue], &Asker) -> Value;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) user: String,
    /// Of times.
    pub(super) zone: String,
}

/// Name, type of the value, value.
const FUNCTIONS: &[(&str, DataType, Body)] = &[
    ("version", DataType::Utf8, |_, _| {
        let (ours, theirs) = (env!("CARGO_PKG_VERSION"), crate::server::auth::VERSION);
        Value::Text(format!("PostgreSQL {theirs} (weir {ours}, read-only)"))
    }),
    ("current_database", DataType::Utf8, |_, _| CATALOG.into()),
    ("current_catalog", DataType::Utf8, |_, _| CATALOG.into()),
    ("current_schema", DataType::Utf8, |_, _| "public".into()),
    ("current_user", DataType::Utf8, |_, asker| asker.user.as_str().into()),
    ("session_user", DataType::Utf8, |_, asker| asker.user.as_str().into()),
    ("current_role", DataType::Utf8, |_, asker| asker.user.as_str().into()),
    ("current_setting", DataType::Utf8, |args, asker| match text(args, 0) {
        Some(name) if name.eq_ignore_ascii_case("timezone") => asker.zone.as_str().into(),
        name => name.and_then(|name| setting(&name)).map_or(Value::Null, Value::Text),
    }),
    ("set_config", DataType::Utf8, |args, _| text(args, 1).map_or(Value::Null, Value::Text)),
    ("quote_ident", DataType::Utf8, |args, _| text(args, 0).map_or(Value::Null, |name| quoted(&name))),
    ("quote_literal", DataType::Utf8, |args, _| {
        text(args, 0).map_or(Value::Null, |text| Value::Text(format!("'{}'", text.replace('\'', "''"))))
    }),
    ("format", DataType::Utf8, |args, _| {
        text(args, 0).map_or(Value::Null, |pattern| formatted(&pattern, args))
    }),
    ("pg_size_pretty", DataType::Utf8, |args, _| number(args, 0).map_or(Value::Null, size)),
    ("format_type", DataType::Utf8, |args, _| {
        let oid = number(args, 0).and_then(|oid| u32::try_from(oid).ok());
        oid.map_or(Value::Null, |oid| type_name(oid).into())
    }),
    ("pg_get_userbyid", DataType::Utf8, |_, asker| asker.user.as_str().into()),
    ("pg_encoding_to_char", DataType::Utf8, |_, _| "UTF8".into()),
    ("pg_relation_name", DataType::Utf8, |args, _| {
        number(args, 0).and_then(name_of).map_or(Value::Null, Value::from)
    }),
    ("to_regclass", DataType::Int64, |args, _| {
        let named = text(args, 0).and_then(|name| number_of(&name));
        named.or_else(|| number(args, 0)).map_or(Value::Null, Value::Int)
    }),
    ("pg_table_is_visible", DataType::Boolean, |_, _| true.into()),
    ("pg_type_is_visible", DataType::Boolean, |_, _| true.into()),
    ("pg_function_is_visible", DataType::Boolean, |_, _| true.into()),
    ("has_table_privilege", DataType::Boolean, |args, _| reads(args)),
    ("has_schema_privilege", DataType::Boolean, |args, _| reads(args)),
    ("has_database_privilege", DataType::Boolean, |args, _| reads(args)),
    ("has_column_privilege", DataType::Boolean, |args, _| reads(args)),
    ("has_any_column_privilege", DataType::Boolean, |args, _| reads(args)),
    ("pg_relation_is_publishable", DataType::Boolean, |_, _| false.into()),
    ("pg_is_in_recovery", DataType::Boolean, |_, _| false.into()),
    ("pg_backend_pid", DataType::Int64, |_, _| Value::Int(i64::from(std::process::id()))),
    ("pg_relation_size", DataType::Int64, |_, _| Value::Int(0)),
    ("pg_total_relation_size", DataType::Int64, |_, _| Value::Int(0)),
    ("pg_table_size", DataType::Int64, |_, _| Value::Int(0)),
    ("array_length", DataType::Int64, |_, _| Value::Null),
    ("array_to_string", DataType::Utf8, |_, _| Value::Null),
    ("pg_get_expr", DataType::Utf8, |_, _| Value::Null),
    ("pg_get_viewdef", DataType::Utf8, |_, _| Value::Null),
    ("pg_get_constraintdef", DataType::Utf8, |_, _| Value::Null),
    ("pg_get_indexdef", DataType::Utf8, |_, _| Value::Null),
    ("pg_get_partkeydef", DataType::Utf8, |_, _| Value::Null),
    ("pg_get_serial_sequence", DataType::Utf8, |_, _| Value::Null),
    ("obj_description", DataType::Utf8, |_, _| Value::Null),
    ("col_description", DataType::Utf8, |_, _| Value::Null),
    ("shobj_description", DataType::Utf8, |_, _| Value::Null),
];

/// All of them, for who asks.
pub(super) fn all(asker: &Asker) -> impl Iterator<Item = ScalarUDF> {
    FUNCTIONS.iter().map(move |(name, returns, body)| {
        let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
        ScalarUDF::from(Fixed {
            name,
            returns: returns.clone(),
            body: *body,
            asker: asker.clone(),
            signature: Signature::new(any, Volatility::Stable),
        })
    })
}

/// A function of scalars, called for each row.
#[derive(Debug)]
struct Fixed {
    name: &'static str,
    returns: DataType,
    body: Body,
    asker: Asker,
    signature: Signature,
}

impl PartialEq for Fixed {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.asker == other.asker
    }
}

impl Eq for Fixed {}

impl std::hash::Hash for Fixed {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Fixed {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays =
            args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let mut values = Vec::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let scalars = arrays
                .iter()
                .map(|array| ScalarValue::try_from_array(array, row))
                .collect::<Result<Vec<_>>>()?;
            values.push((self.body)(&scalars, &self.asker));
        }
        let values = values.into_iter();
        let array: ArrayRef = match self.returns {
            DataType::Int64 => {
                let int = |value| if let Value::Int(value) = value { Some(value) } else { None };
                Arc::new(values.map(int).collect::<Int64Array>())
            }
            DataType::Boolean => {
                let bool = |value| if let Value::Bool(value) = value { Some(value) } else { None };
                Arc::new(values.map(bool).collect::<BooleanArray>())
            }
            _ => {
                let text = |value| if let Value::Text(value) = value { Some(value) } else { None };
                Arc::new(values.map(text).collect::<StringArray>())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

fn text(args: &[ScalarValue], at: usize) -> Option<String> {
    args.get(at)?.try_as_str().flatten().map(str::to_owned)
}

fn number(args: &[ScalarValue], at: usize) -> Option<i64> {
    match args.get(at)?.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(number) => number,
        _ => None,
    }
}

/// Everybody may read, and nothing else.
fn reads(args: &[ScalarValue]) -> Value {
    let wanted = args.last().and_then(|_| text(args, args.len() - 1)).unwrap_or_default().to_uppercase();
    Value::Bool(["SELECT", "USAGE", "CONNECT"].iter().any(|allowed| wanted.contains(allowed)))
}

/// `format('%I.%I', schema, name)`: `%s` is text, `%I` a name, `%L` a literal.
fn formatted(pattern: &str, args: &[ScalarValue]) -> Value {
    let mut out = String::new();
    let mut letters = pattern.chars();
    let mut next = 1;
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let kind = letters.next();
        if kind == Some('%') {
            out.push('%');
            continue;
        }
        let value = text(args, next).or_else(|| number(args, next).map(|number| number.to_string()));
        next += 1;
        let value = match (kind, value) {
            (Some('I'), Some(name)) => quoted(&name),
            (Some('L'), Some(text)) => Value::Text(format!("'{}'", text.replace('\'', "''"))),
            (Some('L'), None) => "NULL".into(),
            (_, value) => Value::Text(value.unwrap_or_default()),
        };
        if let Value::Text(text) = value {
            out.push_str(&text);
        }
    }
    Value::Text(out)
}

/// `10 kB`, as PostgreSQL has sizes: in thousands of 1024 octets.
fn size(octets: i64) -> Value {
    let (mut left, mut unit) = (octets, "bytes");
    for next in ["kB", "MB", "GB", "TB"] {
        if left.unsigned_abs() < 10 * 1024 {
            break;
        }
        (left, unit) = ((left + 512).div_euclid(1024), next);
    }
    Value::Text(format!("{left} {unit}"))
}

/// A name as it must be written.
fn quoted(name: &str) -> Value {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_reserved = ["end", "user", "table", "select", "from", "where", "order", "group"].contains(&name);
    if name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) && !is_reserved {
        return name.into();
    }
    Value::Text(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// What SQL calls a type.
pub(super) fn type_name(oid: u32) -> &'static str {
    match Type::from_oid(oid) {
        Some(Type::BOOL) => "boolean",
        Some(Type::INT2) => "smallint",
        Some(Type::INT4) => "integer",
        Some(Type::INT8) => "bigint",
        Some(Type::FLOAT4) => "real",
        Some(Type::FLOAT8) => "double precision",
        Some(Type::NUMERIC) => "numeric",
        Some(Type::TEXT) => "text",
        Some(Type::VARCHAR) => "character varying",
        Some(Type::NAME) => "name",
        Some(Type::DATE) => "date",
        Some(Type::TIMESTAMP) => "timestamp without time zone",
        Some(Type::TIMESTAMPTZ) => "timestamp with time zone",
        Some(Type::OID) => "oid",
        _ => "???",
    }
}
