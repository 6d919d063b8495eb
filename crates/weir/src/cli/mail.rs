//! `weir mail`: statements by mail, once each.

use super::{Common, usage};
use crate::clock;
use crate::closing;
use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use crate::mail::bounce;
use crate::mail::letter::{GROUP, file_name};
use crate::mail::order::{self, Draft, Order, Queued};
use crate::mail::postman::Postman;
use crate::report::mail::{Mailbag, mbox};
use crate::report::{self, number::things};
use crate::{log, mail};
use clap::Args;
use lettre::message::Mailbox;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use weir_account::Period;
use weir_books::{Books, Delivery, State};

/// What `--preview` says without a folder.
const STANDARD_OUTPUT: &str = "-";
/// `--status` shows what was queued in so many days, and all that waits.
const STATUS_DAYS: i64 = 62;
const DAY_MS: i64 = 86_400_000;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir mail --period last                     the last month's, to everybody who has not had it yet\n  \
    weir mail --period last --preview           writes the messages and sends nothing; add > preview.mbox\n  \
    weir mail avtotrade --period 2026-10 --to me@example.org\n  \
    weir mail avtotrade --period 2026-10 --again\n  \
    weir mail --group campus/north --period last\n  \
    weir mail --status                          what was sent, what waits, what failed and why\n  \
    weir mail --bounced < report.eml            notes that a letter came back\n\n\
    Who was sent a period's statement is not sent it again, however often this is called: cron may do so every hour.\n\
    What cannot be sent now is tried again by the daemon, or by the next call that it is due at. See docs/mail.md.")]
pub(super) struct Arguments {
    /// Only these tenants, and no summary
    #[arg(value_name = "TENANT")]
    tenants: Vec<String>,
    /// Only the paper of this group; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A period that is over: last (the default), 2026-10, last-week, 2026-W41
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// To this address, instead of those of the configuration
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Writes the messages into this folder, or to standard output as an mbox, and sends nothing
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = STANDARD_OUTPUT, require_equals = true)]
    preview: Option<PathBuf>,
    /// Sends it again to who was sent it before, as a new message
    #[arg(long, conflicts_with = "preview")]
    again: bool,
    /// Only queues: the daemon sends
    #[arg(long, conflicts_with_all = ["preview", "status"])]
    queue: bool,
    /// Queues nothing: tries now what waits for another try, and what failed
    #[arg(long, conflicts_with_all = ["tenants", "groups", "period", "to", "preview", "again", "queue", "status"])]
    retry: bool,
    /// Says what has become of all mail, and sends nothing
    #[arg(long, conflicts_with_all = ["tenants", "groups", "to", "preview", "again"])]
    status: bool,
    /// Notes what a mail server's report on standard input says of a letter that it could not deliver
    #[arg(long, conflicts_with_all = ["tenants", "groups", "period", "to", "preview", "again", "queue", "retry", "status"])]
    bounced: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("mail")?;
    let config = arguments.common.config()?;
    if arguments.status {
        return status(arguments, &config, form);
    }
    if arguments.bounced {
        return bounced(&config, form);
    }
    log::start();
    let to = addresses(&arguments.to)?;
    let text = arguments.period.as_deref().unwrap_or("last");
    let periods = usage::periods(&arguments.tenants, text, &config)?;
    let Arguments { groups, again, .. } = arguments;
    let orders =
        periods.iter().map(|(period, tenants)| Order { period, tenants, groups, to: &to, again: *again });
    if let Some(folder) = &arguments.preview {
        return all(orders.map(|order| preview(&config, &order, folder)));
    }
    mail::settings(&config)?;
    is_a_store(&config)?;
    let mut books = crate::books::open(&config.store)?;
    let since_ms = clock::now_ms();
    let (mut told, mut ends) = (Vec::new(), Vec::new());
    if arguments.retry {
        books.retry(since_ms)?;
    } else {
        for order in orders {
            // What is not over on one calendar keeps nothing back on another one.
            match is_over(order.period, since_ms)
                .and_then(|()| order::queue(&config, &mut books, &order, since_ms))
            {
                Ok(queued) => told.push((config.label(order.period), queued)),
                Err(failure) => ends.push(Err(failure)),
            }
        }
        if told.is_empty() {
            return all(ends.into_iter());
        }
    }
    let is_left = arguments.queue || !send(&config, &mut books)?;
    let deliveries = books.deliveries_since(since_ms.saturating_sub(STATUS_DAYS * DAY_MS))?;
    let touched =
        deliveries.into_iter().filter(|one| one.at_ms >= since_ms || one.queued_ms >= since_ms).collect();
    for (label, queued) in &told {
        tell(&config, queued, arguments.retry, label);
    }
    conclude(&config, touched, is_left, form)?;
    all(told.iter().map(|(_, queued)| queued.check()).chain(ends))
}

/// The first failure, when everything was tried.
fn all(results: impl Iterator<Item = Outcome>) -> Outcome {
    results.fold(Ok(()), Outcome::and)
}

/// Hands over what is due; false if another process is at it.
fn send(config: &Config, books: &mut Books) -> Outcome<bool> {
    let who = closing::who();
    let mut postman = Postman { config, books, who: &who, now_ms: &clock::now_ms, is_stopping: &|| false };
    let is_ours = postman.go_round()?.is_some();
    if !is_ours {
        aside!("weir: another weir is sending the mail of this store, and takes what was queued along");
    }
    Ok(is_ours)
}

/// Says on standard error who was not written to.
fn tell(config: &Config, queued: &Queued, is_retry: bool, period: &str) {
    if queued.before > 0 {
        let letters = things(count(queued.before), "letter");
        aside!(
            "weir: {letters} of {period} written before: --status says what became of them, --again writes anew"
        );
    }
    if !queued.unreached.is_empty() {
        aside!("weir: no mail = […] in [[tenant]]: {}", queued.unreached.join(", "));
    }
    if !is_retry && config.tenants.iter().next().is_none() {
        aside!("weir: the configuration has no [[tenant]]");
    }
}

fn count(n: usize) -> u128 {
    u128::try_from(n).unwrap_or(u128::MAX)
}

/// Prints what became of the letters; a failure if one was tried and not sent. `is_left`: to somebody else to send.
fn conclude(config: &Config, touched: Vec<Delivery>, is_left: bool, form: report::Form) -> Outcome {
    let unsent = touched.iter().filter(|one| one.state != State::Sent).count();
    let all = touched.len();
    report::print(&Mailbag { zone: &config.zone, deliveries: touched }.render(form))?;
    if unsent == 0 || is_left {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{unsent} of {} not sent: see weir mail --status",
        things(count(all), "letter")
    )))
}

fn status(arguments: &Arguments, config: &Config, form: report::Form) -> Outcome {
    is_a_store(config)?;
    let Some(books) = crate::books::read(&config.store)? else {
        return report::print(&Mailbag { zone: &config.zone, deliveries: Vec::new() }.render(form));
    };
    let deliveries = match &arguments.period {
        None => books.deliveries_since(clock::now_ms().saturating_sub(STATUS_DAYS * DAY_MS))?,
        Some(text) => {
            // A word may mean another period on another calendar.
            let periods = usage::periods(&arguments.tenants, text, config)?;
            let names: Vec<String> =
                periods.iter().flat_map(|(period, _)| [period.name(), config.label(period)]).collect();
            books.deliveries_since(i64::MIN)?.into_iter().filter(|one| names.contains(&one.period)).collect()
        }
    };
    report::print(&Mailbag { zone: &config.zone, deliveries }.render(form))
}

/// Notes what came back.
fn bounced(config: &Config, form: report::Form) -> Outcome {
    is_a_store(config)?;
    let mut message = Vec::new();
    let mut pipe = std::io::stdin().lock().take(bounce::REPORT_BYTES_MAX);
    let read = pipe.read_to_end(&mut message);
    read.map_err(|error| Failure::new(format!("cannot read the report from standard input: {error}")))?;
    let read = bounce::read(&message).map_err(Failure::new)?;
    if crate::books::read(&config.store)?.is_none() {
        return Err(Failure::new(format!("no letter was ever sent from {}", config.store.display())));
    }
    let mut books = crate::books::open(&config.store)?;
    let (who, now_ms) = (closing::who(), clock::now_ms());
    let mut back = Vec::new();
    for recipient in &read.recipients {
        let addresses = recipient.addresses.join(", ");
        if !recipient.is_returned() {
            aside!("weir: the letter to {addresses} is said to be {}: nothing is changed", recipient.action);
            continue;
        }
        let why = format!("came back: {}", recipient.words);
        let meant = books.come_back(&read.message_id, &recipient.addresses, &why, &who, now_ms)?;
        let Some(meant) = meant else {
            return Err(Failure::new(format!(
                "no letter of this store has the Message-ID {}",
                read.message_id
            )));
        };
        if meant.is_empty() {
            return Err(Failure::new(format!("the letter {} was not sent to {addresses}", read.message_id)));
        }
        back.extend(meant);
    }
    report::print(&Mailbag { zone: &config.zone, deliveries: back }.render(form))
}

/// Writes every message, and sends none.
fn preview(config: &Config, order: &Order<'_>, folder: &Path) -> Outcome {
    let now_ms = clock::now_ms();
    let queued = if folder == Path::new(STANDARD_OUTPUT) {
        order::preview(config, order, now_ms, &mut |draft| report::print(&mbox(&draft.message, now_ms)))?
    } else {
        fs::create_dir_all(folder).map_err(|error| exit::io("cannot make the folder", folder, &error))?;
        order::preview(config, order, now_ms, &mut |draft| {
            let path = folder.join(name(draft));
            fs::write(&path, &draft.message).map_err(|error| exit::io("cannot write", &path, &error))?;
            let to: Vec<String> = draft.to.iter().map(ToString::to_string).collect();
            report::print(&format!("{}: {} to {}\n", path.display(), draft.body.subject, to.join(", ")))
        })?
    };
    tell(config, &queued, false, &config.label(order.period));
    queued.check()
}

/// The name of a letter's file.
fn name(draft: &Draft) -> String {
    let about = match (draft.kind, draft.about.as_str()) {
        (kind, "") => kind.to_owned(),
        (GROUP, path) => format!("{GROUP}-{path}"),
        (_, tenant) => tenant.to_owned(),
    };
    format!("{}-{}.eml", file_name(&about), file_name(&draft.period))
}

fn addresses(texts: &[String]) -> Outcome<Vec<Mailbox>> {
    let address = |text: &String| {
        text.parse().map_err(|_| {
            let cure = "write name@example.org, or \"A Name <name@example.org>\"";
            Failure::usage(format!("\"{text}\" is no address that mail can be sent to; {cure}"))
        })
    };
    texts.iter().map(address).collect()
}

/// What is sent once must not be sent of a period that still runs.
fn is_over(period: &Period, now_ms: i64) -> Outcome {
    if period.to_ms() <= now_ms {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{period} is not over before {}, and a statement is sent once: send it then, or look at it now with --preview",
        period.to()
    )))
}

/// Mail is kept beside the traffic: where there is none, nothing is to be made.
fn is_a_store(config: &Config) -> Outcome {
    super::ask::snapshot(config, Some(&(0..0))).map(drop)
}
