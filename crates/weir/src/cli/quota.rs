//! `weir quota`: how far quotas are used, who is blocked, what was done, and blocks taken back.

use super::{Common, ask};
use crate::clock;
use crate::config::{self, Config};
use crate::exit::{Failure, Outcome};
use crate::metrics::door;
use crate::quota::undo::{self, Order};
use crate::quota::{enforce_now, meter};
use crate::report::{self, quota::Report};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};
use weir_account::Group;
use weir_books::Books;
use weir_books::quota::{Block, Subject};

/// How long a running daemon is waited for to end a block.
const PATIENCE: Duration = Duration::from_secs(15);
const EVERY: Duration = Duration::from_millis(100);

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    weir quota                                  who used how much of what\n  \
    weir quota avtotrade -o json\n  \
    weir quota campus/north                     a group, where a quota is a group's\n  \
    weir quota undo avtotrade --why 'their backup ran twice'\n  \
    weir quota history -n 20")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only this tenant, or this group
    #[arg(value_name = "TENANT|GROUP")]
    only: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Command {
    /// Ends the blocks of a tenant, of a group or of an address; they do not begin again in this cycle
    Undo(UndoArguments),
    /// What was done about quotas and why, the newest first
    History(HistoryArguments),
}

#[derive(Args)]
#[command(after_help = "Example:\n  weir quota undo 192.168.31.7 --why 'new limit agreed'")]
struct UndoArguments {
    /// Whose block, or which address
    #[arg(value_name = "TENANT|GROUP|ADDRESS")]
    of: String,
    /// The reason, for the audit trail
    #[arg(long, value_name = "REASON")]
    why: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct HistoryArguments {
    /// So many entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    number: u32,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        None => show(arguments),
        Some(Command::Undo(arguments)) => undo(arguments),
        Some(Command::History(arguments)) => history(arguments),
    }
}

fn show(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("quota")?;
    let config = arguments.common.config()?;
    if let Some(only) = &arguments.only
        && config.tenants.get(only).is_none()
        && config.group_named(only).is_err()
    {
        let groups = config.tenants.groups();
        let tenants = config.tenants.iter().map(|tenant| tenant.name.as_str());
        let known: Vec<&str> = tenants.chain(groups.iter().map(Group::path)).collect();
        let near =
            config::nearest(only, &known).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        return Err(Failure::new(format!("there is no tenant and no group \"{only}\"{near}")));
    }
    let now_ms = clock::now_ms();
    let snapshot = ask::snapshot(&config, Some(&meter::span(&config, now_ms)?))?;
    let reading = meter::read(&config, &snapshot, now_ms)?;
    let books = crate::books::read(&config.store)?;
    let (kept, blocks) = match &books {
        Some(books) => (books.watches()?, books.blocks()?),
        None => Default::default(),
    };
    // Another cycle's thresholds are no longer passed, whether the daemon has seen that or not.
    let metered = reading.metered.iter();
    let cycles: BTreeMap<&str, &Range<i64>> = metered
        .filter_map(|one| Some((config.quotas.list.get(one.quota)?.name.as_str(), &one.seen.cycle)))
        .collect();
    let of_now = kept.into_iter().filter(|kept| {
        cycles.get(kept.subject.quota.as_str()).is_some_and(|cycle| cycle.contains(&kept.cycle_ms))
    });
    let passed: BTreeMap<Subject, Vec<String>> = of_now
        .map(|kept| {
            let marks = kept.marks.into_iter().map(|mark| mark.threshold).collect();
            (kept.subject, report::quota::in_order(marks))
        })
        .collect();
    let only = arguments.only.as_deref();
    let report = Report { config: &config, reading: &reading, passed: &passed, blocks: &blocks, only };
    report::print(&report.render(form))
}

fn undo(arguments: &UndoArguments) -> Outcome {
    let config = arguments.common.config()?;
    if arguments.why.trim().is_empty() {
        return Err(Failure::usage("--why is empty: say why, for whoever reads the audit trail"));
    }
    if !config.store.join(weir_books::FILE).exists() {
        return Err(Failure::new(format!("\"{}\" is not blocked; nobody is", arguments.of)));
    }
    let mut books = crate::books::open(&config.store)?;
    let order = Order { of: &arguments.of, who: user(), why: &arguments.why, now_ms: clock::now_ms() };
    let ended = undo::undo(&mut books, &order)?;
    let left = wait(&config, &mut books, &ended)?;
    for block in &ended {
        let is_left = left.iter().find(|one| one.id == block.id);
        match is_left {
            None => report::print(&format!("{} is no longer blocked in {}\n", block.element, block.place))?,
            Some(one) => {
                let why = if one.said.is_empty() { "the daemon has not done it yet" } else { &one.said };
                aside!("weir: {} is still blocked in {}: {why}; it is tried again", one.element, one.place);
            }
        }
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(Failure::new("not everything is unblocked yet: see weir quota"))
    }
}

/// The daemon ends the blocks within a second; without one we do. What is left of them after a while.
fn wait(config: &Config, books: &mut Books, ended: &[Block]) -> Outcome<Vec<Block>> {
    let begun = Instant::now();
    loop {
        if door::ask(&config.store).is_none() {
            enforce_now(books)?;
        }
        let blocks = books.blocks()?;
        let left: Vec<Block> =
            blocks.into_iter().filter(|block| ended.iter().any(|one| one.id == block.id)).collect();
        if left.is_empty() || left.iter().all(|block| !block.said.is_empty()) || begun.elapsed() >= PATIENCE {
            return Ok(left);
        }
        thread::sleep(EVERY);
    }
}

fn history(arguments: &HistoryArguments) -> Outcome {
    let form = arguments.common.form.text("quota history")?;
    let config = arguments.common.config()?;
    let books = crate::books::read(&config.store)?;
    let (entries, deeds) = match &books {
        Some(books) => (books.quota_entries(arguments.number)?, books.deeds_newest(arguments.number)?),
        None => Default::default(),
    };
    report::print(&report::quota::history(&entries, &deeds, &config, form))
}

/// Who types: the name that was logged in with, else the number of the user.
fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}
