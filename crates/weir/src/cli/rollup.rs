//! `weir rollup`: how far the roll-ups are, and those built that are missing.

use super::{Common, ask};
use crate::exit::{Failure, Outcome};
use crate::progress;
use crate::report::number::{grouped, things};
use crate::report::{self, Form};
use crate::rollup::{self, Progress};
use clap::Args;
use serde_json::{Value as Json, json};
use weir_query::Stop;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir rollup\n  \
    weir rollup --check\n  \
    weir rollup -o json\n\n\
    The daemon builds roll-ups by itself; this is for a store whose roll-ups are new, or without a daemon. It may be ended and\n\
    begun again at any time.")]
pub(super) struct Arguments {
    /// Build nothing: say how far they are
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("rollup")?;
    let config = arguments.common.config()?;
    if config.rollups.is_empty() {
        return Err(Failure::usage(
            "the configuration has no [[rollup]]: see docs/rollups.md, or write for example\n  \
             [[rollup]]\n  name = \"as-by-hour\"\n  keys = [\"src_as\", \"dst_as\"]\n  width = \"1h\"",
        ));
    }
    let snapshot = ask::snapshot(&config, None)?;
    let (all, failed) = if arguments.check {
        (rollup::look(&config, &snapshot), None)
    } else {
        let bar = progress::Progress::steps(snapshot.segments.len() as u64, "segments");
        let built = rollup::build(&config, &snapshot, &|_| true, &Stop::default(), &|done| bar.set(done));
        bar.finish();
        built
    };
    match form {
        Form::Json => report::print_json(&Json::Array(all.iter().map(document).collect()))?,
        Form::Ndjson => {
            report::print(&all.iter().map(|one| format!("{}\n", document(one))).collect::<String>())?;
        }
        _ => report::print(&all.iter().map(sentence).collect::<String>())?,
    }
    failed.map_or(Ok(()), Err)
}

fn document(one: &Progress) -> Json {
    json!({
        "rollup": one.name,
        "segments": one.segments,
        "built": one.built,
        "built_now": one.new,
        "missing": one.missing(),
        "too_many_groups": one.too_many,
        "removed": one.removed,
    })
}

fn sentence(one: &Progress) -> String {
    let mut words = format!("{}: {} of {}", one.name, grouped(one.built), things(one.segments, "segment"));
    for (count, what) in [
        (one.new, "built now"),
        (one.missing(), "not built yet"),
        (one.too_many, "with too many groups, which are read"),
        (one.removed, "files of segments that are gone removed"),
    ] {
        if count > 0 {
            words.push_str(&format!(", {} {what}", grouped(count)));
        }
    }
    words.push('\n');
    words
}
