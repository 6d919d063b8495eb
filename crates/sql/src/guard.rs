//! What may be asked: questions of a bounded length and depth, that change nothing and read nothing but the store.

use crate::error::{Error, Reason};
use crate::growth::CONSTANT_BYTES_MAX;
use datafusion::common::ParamValues;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{Statement as Ast, visit_relations};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// How long a text of questions may be.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// How many operators and joins it may have. Each may be one step deeper, `1 + 1 + 1 + …`, and all who look at a question
/// go down step by step: with so many they stay within [`crate::job::STACK_BYTES`]. Brackets are the parser's to
/// count. A list has no operators: `IN (1, 2, 3, …)` may be as long as the text.
const OPERATORS_MAX: usize = 1000;
/// How many tables it may name: each is a join, and one step deeper, too.
const TABLES_MAX: usize = 200;

/// The statements of a text.
///
/// # Errors
/// It is not understood, or too long or too deep.
pub(crate) fn parsed(sql: &str) -> Result<VecDeque<Statement>, Error> {
    let dialect = PostgreSqlDialect {};
    if sql.len() > TEXT_BYTES_MAX {
        return Err(Error::new(
            Reason::Wrong,
            format!("the question is longer than {} KiB", TEXT_BYTES_MAX >> 10),
        ));
    }
    // What is no SQL at all is the parser's to say.
    let tokens = Tokenizer::new(&dialect, sql).tokenize().unwrap_or_default();
    if let Some(text) = tokens.iter().filter_map(text).find(|text| text.len() > CONSTANT_BYTES_MAX) {
        return Err(too_long(text));
    }
    if tokens.iter().filter(|token| is_operator(token)).count() > OPERATORS_MAX {
        let sentence = format!(
            "the question has more than {OPERATORS_MAX} operators: write a list as IN (…), or ask several questions"
        );
        return Err(Error::new(Reason::Wrong, sentence));
    }
    Ok(DFParser::parse_sql_with_dialect(sql, &dialect)?)
}

/// What stands in quotes.
fn text(token: &Token) -> Option<&str> {
    match token {
        Token::SingleQuotedString(text)
        | Token::NationalStringLiteral(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text)
        | Token::HexStringLiteral(text) => Some(text),
        Token::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

/// A text may come to stand beside every row.
fn too_long(text: &str) -> Error {
    let begins: String = text.chars().take(20).collect();
    let sentence = format!(
        "the text \"{begins}…\" has {} octets, and a question's may have {CONSTANT_BYTES_MAX}",
        text.len()
    );
    Error::new(Reason::Wrong, sentence)
}

/// Refuses values of parameters that are too long.
///
/// # Errors
/// One is; the sentence says which.
pub(crate) fn values(values: &ParamValues) -> Result<(), Error> {
    let texts: Vec<&str> = match values {
        ParamValues::List(list) => list.iter().filter_map(|one| one.value.try_as_str().flatten()).collect(),
        ParamValues::Map(map) => map.values().filter_map(|one| one.value.try_as_str().flatten()).collect(),
    };
    texts.into_iter().find(|text| text.len() > CONSTANT_BYTES_MAX).map_or(Ok(()), |text| Err(too_long(text)))
}

/// Whether a token may nest what stands beside it one step deeper.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::JOIN
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::WITH
                | Keyword::OPERATOR
        ),
        Token::Whitespace(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::Placeholder(_)
        | Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::LParen
        | Token::RParen
        | Token::EOF => false,
        _ => true,
    }
}

/// Refuses whatever is no question.
///
/// # Errors
/// It is none; the sentence says what it is.
pub(crate) fn statement(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Statement(ast) => ast_statement(ast),
        Statement::Explain(explained) => self::statement(&explained.statement),
        other => Err(refused(&other.to_string())),
    }
}

fn ast_statement(ast: &Ast) -> Result<(), Error> {
    let mut tables = 0;
    let within = visit_relations(ast, |_| {
        tables += 1;
        if tables > TABLES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if within.is_break() {
        return Err(Error::new(Reason::Wrong, format!("the question names more than {TABLES_MAX} tables")));
    }
    match ast {
        Ast::Query(_)
        | Ast::ExplainTable { .. }
        | Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ShowVariable { .. } => Ok(()),
        Ast::Explain { statement, .. } => ast_statement(statement),
        other => Err(refused(&other.to_string())),
    }
}

/// Refuses plans that write, define or set something, wherever it stands in the question.
///
/// # Errors
/// It does.
pub(crate) fn plan(plan: &LogicalPlan) -> Result<(), Error> {
    let questions =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    questions.verify_plan(plan).map_err(|_| refused(&plan.display().to_string()))
}

fn refused(text: &str) -> Error {
    let first = text.split([' ', ':', '\n']).next().unwrap_or_default().to_uppercase();
    let sentence = format!(
        "{first} is refused: the store is only read, by SELECT, WITH, VALUES, EXPLAIN, SHOW and DESCRIBE"
    );
    Error::new(Reason::Forbidden, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_is_refused_and_what_is_only_long_is_not() {
        let deep = format!("SELECT 1{}", " + 1".repeat(OPERATORS_MAX + 1));
        let error = parsed(&deep).unwrap_err();
        assert!(error.to_string().contains("more than 1000 operators"), "{error}");
        let list = vec!["443"; 100_000].join(", ");
        assert_eq!(parsed(&format!("SELECT 1 WHERE 1 IN ({list})")).unwrap().len(), 1);
        let many = (0..=TABLES_MAX).map(|n| format!("flows f{n}")).collect::<Vec<_>>().join(", ");
        let many = parsed(&format!("SELECT 1 FROM {many}")).unwrap().remove(0).unwrap();
        assert!(statement(&many).unwrap_err().to_string().contains("more than 200 tables"));
        let text = format!("SELECT '{}'", "x".repeat(CONSTANT_BYTES_MAX + 1));
        assert!(parsed(&text).unwrap_err().to_string().contains("has 8193 octets"));
        assert_eq!(parsed(&format!("SELECT '{}'", "x".repeat(CONSTANT_BYTES_MAX))).unwrap().len(), 1);
        let long = format!("SELECT '{}'", "x".repeat(TEXT_BYTES_MAX));
        assert!(parsed(&long).unwrap_err().to_string().contains("longer than 1024 KiB"));
    }
}
