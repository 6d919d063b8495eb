//! `weir sql`: any question at all, in SQL.

use super::Common;
use crate::exit::{Failure, Outcome};
use clap::Args;
use std::io::{IsTerminal, Read};

/// How long a question may be.
const QUESTION_BYTES_MAX: u64 = 1 << 20;

#[derive(Args)]
#[command(
    after_help = "Tables: flows (the columns of weir flows -o json), bins and tenants (five-minute accounts with and\n\
    without hosts), health, counters. Functions: net(addr, 24), in_net(addr, '10.0.0.0/8'), service(proto, port),\n\
    host_name(addr), tenant(addr), ip(addr), addr(text). \"end\" and \"user\" need their quotes. See docs/sql.md.\n\n\
    Examples:\n  \
    weir sql \"SELECT src_addr, sum(octets) FROM flows WHERE dst_port = 443 GROUP BY 1 ORDER BY 2 DESC LIMIT 10\"\n  \
    weir sql \"SELECT net(src_addr, 24), count(*) FROM flows WHERE in_net(dst_addr, '10.0.0.0/8') GROUP BY 1\"\n  \
    weir sql -o csv \"SELECT bin, sum(octets) FROM tenants WHERE tenant = 'okafor' AND kind = 'in' GROUP BY 1 ORDER BY 1\"\n  \
    weir sql \"DESCRIBE flows\""
)]
pub(super) struct Arguments {
    /// The question; without it, what standard input says
    #[arg(value_name = "SQL")]
    question: Option<String>,
    /// Memory for sorting, grouping and joining; what does not fit is spilled to disk
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..))]
    memory: u32,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    answer(arguments)
}

#[cfg(feature = "sql")]
fn answer(arguments: &Arguments) -> Outcome {
    let config = arguments.common.config()?;
    let question = question(arguments)?;
    let memory_bytes = usize::try_from(arguments.memory).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let limits = weir_sql::Limits { memory_bytes, ..weir_sql::Limits::default() };
    // What span a question is about only its plan knows.
    if question.to_lowercase().contains("flows") {
        let snapshot = super::ask::snapshot(&config, Some(&(0..0)))?;
        super::ask::tell(super::ask::records_gone(&snapshot, None, 0, &config));
    }
    crate::sql::answer(&question, config, super::ask::open, limits, arguments.common.form)
}

#[cfg(not(feature = "sql"))]
fn answer(arguments: &Arguments) -> Outcome {
    let config = arguments.common.config()?;
    Err(Failure::new(without(&config.store, &question(arguments)?)))
}

/// What to do where the program has no SQL in it: the store's files are open to everything that reads Parquet.
#[cfg(any(not(feature = "sql"), test))]
fn without(store: &std::path::Path, question: &str) -> String {
    let store = store.display().to_string().replace('\'', "''");
    let script = format!(
        "CREATE VIEW flows AS SELECT * FROM read_parquet('{store}/flows/*/*.parquet', union_by_name = true); \
         CREATE VIEW bins AS SELECT * FROM read_parquet('{store}/bins/*/*.parquet'); \
         CREATE VIEW tenants AS SELECT * FROM read_parquet('{store}/tenants/*/*.parquet'); {}",
        question.trim()
    );
    format!(
        "this weir was built without SQL, which weir's packages have: cargo install --path crates/weir --features sql\n\
         DuckDB answers over the same files, but for what is not sealed yet (docs/parquet.md says what differs):\n  \
         duckdb -c '{}'",
        script.replace('\'', "'\\''")
    )
}

/// What is asked: on the command line, or on standard input.
fn question(arguments: &Arguments) -> Outcome<String> {
    if let Some(question) = &arguments.question {
        return Ok(question.clone());
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("sql needs a question, as: weir sql 'SELECT count(*) FROM flows'"));
    }
    let mut text = String::new();
    stdin
        .lock()
        .take(QUESTION_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(format!("cannot read the question from standard input: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed is a command that a shell takes as it stands.
    #[test]
    fn without_sql_it_says_how_to_get_it_and_how_to_ask_duckdb() {
        let text = without(
            std::path::Path::new("/var/lib/o'weir"),
            "SELECT count(*) FROM flows WHERE tenant = 'a'\n",
        );
        assert!(text.contains("--features sql\n"), "{text}");
        let command = text.lines().last().unwrap().trim().replacen("duckdb -c", "printf %s", 1);
        let output = std::process::Command::new("sh").arg("-c").arg(command).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.ends_with("; SELECT count(*) FROM flows WHERE tenant = 'a'"), "{script}");
        assert!(script.contains("read_parquet('/var/lib/o''weir/tenants/*/*.parquet')"), "{script}");
    }
}
