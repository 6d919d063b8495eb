//! What a client wants with a statement.

use super::catalog;
use super::dialect;
use crate::error::{Error, Reason};
use crate::guard;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Set, Statement as Ast};

/// Questions in one text: they begin together, before the first is answered.
const QUESTIONS_MAX: usize = 16;

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// A question for the engine.
    Ask(Box<Statement>),
    /// A question without rows, of these columns.
    Nothing(Vec<String>),
    /// The value of a setting.
    Show(String, String),
    /// A transaction begins; nothing depends on it, for all is only read.
    Begin,
    /// A transaction ends, with this word.
    End(&'static str),
    /// Times are to be of this zone from now on; `None`: of that which they are of unless it is said.
    Zone(Option<String>),
    /// Something without effect here, with its word: `SET`, `DISCARD`, …
    Done(&'static str),
}

/// The statements of a text, in order.
///
/// # Errors
/// One is not understood, or would change something.
pub(super) fn read(sql: &str) -> Result<Vec<Meaning>, Error> {
    let meanings = guard::parsed(sql)?.into_iter().map(meaning).collect::<Result<Vec<_>, _>>()?;
    if meanings.iter().filter(|meaning| matches!(meaning, Meaning::Ask(_))).count() > QUESTIONS_MAX {
        let sentence =
            format!("there are more than {QUESTIONS_MAX} questions in one text: ask them one by one");
        return Err(Error::new(Reason::Wrong, sentence));
    }
    Ok(meanings)
}

fn meaning(statement: Statement) -> Result<Meaning, Error> {
    let ast = match statement {
        Statement::Statement(ast) => ast,
        Statement::Reset(reset) => return Ok(reset_of(&reset.to_string())),
        other => {
            guard::statement(&other)?;
            return Ok(Meaning::Ask(Box::new(other)));
        }
    };
    Ok(match *ast {
        Ast::Set(set) => zone_of(&set).map_or(Meaning::Done("SET"), Meaning::Zone),
        Ast::Reset(reset) => reset_of(&reset.to_string()),
        Ast::Discard { .. } => Meaning::Done("DISCARD ALL"),
        Ast::Deallocate { .. } => Meaning::Done("DEALLOCATE"),
        Ast::Savepoint { .. } => Meaning::Done("SAVEPOINT"),
        Ast::ReleaseSavepoint { .. } => Meaning::Done("RELEASE"),
        Ast::Close { .. } => Meaning::Done("CLOSE CURSOR"),
        Ast::StartTransaction { .. } => Meaning::Begin,
        Ast::Commit { .. } => Meaning::End("COMMIT"),
        Ast::Rollback { savepoint: None, .. } => Meaning::End("ROLLBACK"),
        Ast::Rollback { .. } => Meaning::Done("ROLLBACK"),
        Ast::ShowVariable { variable } => {
            let name = variable.iter().map(|ident| ident.value.to_lowercase()).collect::<Vec<_>>().join(".");
            let name =
                if name == "transaction.isolation.level" { "transaction_isolation".to_owned() } else { name };
            let name = if name == "time.zone" { "timezone".to_owned() } else { name };
            match catalog::setting(&name) {
                Some(value) => Meaning::Show(name, value),
                None => return Err(unknown(&name)),
            }
        }
        mut ast => {
            let statement = |ast| Statement::Statement(Box::new(ast));
            guard::statement(&statement(ast.clone()))?;
            if let Ast::Query(query) = &ast
                && let Some(columns) = dialect::columns_of_nothing(query)
            {
                return Ok(Meaning::Nothing(columns));
            }
            dialect::translate(&mut ast);
            Meaning::Ask(Box::new(statement(ast)))
        }
    })
}

/// `RESET ALL` and `RESET timezone` are about the zone.
fn reset_of(text: &str) -> Meaning {
    let name = text.trim().to_lowercase();
    let is_zone =
        ["reset all", "reset timezone", "reset time zone", "all", "timezone"].contains(&name.as_str());
    if is_zone { Meaning::Zone(None) } else { Meaning::Done("RESET") }
}

/// The zone that `SET TIME ZONE 'Europe/Berlin'` and `SET timezone = 'Europe/Berlin'` are about.
fn zone_of(set: &Set) -> Option<Option<String>> {
    let value = match set {
        Set::SetTimeZone { value, .. } => value,
        Set::SingleAssignment { variable, values, .. } => {
            let name = variable.to_string().replace('"', "");
            values.first().filter(|_| name.eq_ignore_ascii_case("timezone"))?
        }
        _ => return None,
    };
    Some(match value {
        Expr::Value(value) => value.value.clone().into_string(),
        // `DEFAULT` and `LOCAL`; a name without quotes.
        Expr::Identifier(name) => Some(name.value.clone())
            .filter(|name| !["default", "local"].contains(&name.to_lowercase().as_str())),
        other => Some(other.to_string()),
    })
}

fn unknown(name: &str) -> Error {
    Error::new(Reason::Wrong, format!("there is no setting \"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(sql: &str) -> String {
        match read(sql).unwrap().remove(0) {
            Meaning::Ask(statement) => statement.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_syntax_of_postgresql_becomes_plain() {
        let psql = "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '^(flows)$' \
                    COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid)";
        let plain = "SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.relname ~ '^(flows)$' AND \
                     pg_table_is_visible(c.oid)";
        assert_eq!(asked(psql).replace(" AS c", " c"), plain.replace(" AS c", " c"));
        assert!(asked("SELECT 'flows'::regclass").contains("to_regclass('flows')"));
        assert!(
            asked("SELECT a.atttypid::regtype FROM pg_attribute a").contains("format_type(a.atttypid, NULL)")
        );
        assert!(
            asked("SELECT n FROM t WHERE n = ANY (current_schemas(true))")
                .contains("IN ('pg_catalog', 'public')")
        );
        assert!(asked("SELECT current_user").contains("current_user()"));
        let grafana = asked(
            "SELECT CASE WHEN array_length(parse_ident('flows'),1) = 2 THEN (parse_ident('flows'))[2] END",
        );
        assert!(grafana.contains("CASE WHEN 1 = 2 THEN NULL"), "{grafana}");
    }

    #[test]
    fn catalogs_that_are_empty_have_columns_and_no_rows() {
        let policies = "SELECT pol.polname, true AS x, pg_get_expr(pol.polqual, pol.polrelid) FROM pg_catalog.pg_policy pol \
                        WHERE pol.polrelid = '16384' ORDER BY 1";
        assert_eq!(asked(policies), "Nothing([\"polname\", \"x\", \"pg_get_expr\"])");
        let parents = "SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i \
                       WHERE c.oid = i.inhparent";
        assert!(asked(parents).starts_with("Nothing"));
        assert!(asked("SELECT count(*) FROM pg_index").starts_with("SELECT"));
        assert!(asked("SELECT c.relname FROM pg_class c LEFT JOIN pg_index i ON true").starts_with("SELECT"));
    }

    #[test]
    fn what_changes_something_is_refused() {
        for sql in
            ["DELETE FROM flows", "CREATE TABLE a (b int)", "DROP TABLE flows", "COPY flows TO '/x.csv'"]
        {
            assert_eq!(read(sql).map_err(|error| error.reason()).err(), Some(Reason::Forbidden), "{sql}");
        }
        assert!(matches!(read("BEGIN").unwrap()[..], [Meaning::Begin]));
        assert!(matches!(read("SET x = 1; SELECT 1").unwrap()[..], [Meaning::Done("SET"), Meaning::Ask(_)]));
        assert!(
            matches!(&read("SHOW server_version").unwrap()[..], [Meaning::Show(_, value)] if value == "16.6")
        );
    }
}
