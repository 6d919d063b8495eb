//! Who is to be written to about a period, and the letters for them.
//!
//! Statements are prepared only if somebody is to be written to about what is not closed: asking every hour costs nothing, and
//! what is closed is sent whatever the configuration says now.

use super::letter::{Body, GROUP, Head, STATEMENT, SUMMARY};
use super::settings;
use crate::closing::{self, Shelf, Standing};
use crate::config::{Config, Mail, nearest};
use crate::exit::{Failure, Outcome};
use crate::statement::{self, Prepared};
use lettre::message::Mailbox;
use weir_account::{Group, Period, Tenant};
use weir_books::{About, Books, Letter};

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) period: &'a Period,
    /// Of these tenants,
    pub(crate) tenants: &'a [String],
    /// and of these groups. If none is named, of all tenants, and of the groups that have an address; with the manager's
    /// summary.
    pub(crate) groups: &'a [String],
    /// To these addresses instead of the configuration's.
    pub(crate) to: &'a [Mailbox],
    /// Whether who was written to is written to again.
    pub(crate) again: bool,
}

/// A letter, written and not yet queued.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) kind: &'static str,
    /// The tenant or the group; empty for the summary.
    pub(crate) about: String,
    /// As the outbox knows it.
    pub(crate) period: String,
    pub(crate) edition: u32,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) message_id: String,
    pub(crate) body: Body,
    pub(crate) message: Vec<u8>,
}

/// What came of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Queued {
    /// Letters that were queued, each for one recipient.
    pub(crate) deliveries: usize,
    /// Recipients who had been written to before.
    pub(crate) before: usize,
    /// Tenants without an address.
    pub(crate) unreached: Vec<String>,
    /// Letters that could not be written.
    pub(crate) failed: Vec<Unwritten>,
}

/// A letter that could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unwritten {
    pub(crate) kind: &'static str,
    /// The tenant or the group; empty for the summary.
    pub(crate) about: String,
    /// Why, a sentence.
    pub(crate) why: String,
}

impl Queued {
    /// A failure if a letter could not be written.
    ///
    /// # Errors
    /// The first one's, and how many there are.
    pub(crate) fn check(&self) -> Outcome {
        match (self.failed.len(), self.failed.first().map(|one| &one.why)) {
            (_, None) => Ok(()),
            (1, Some(first)) => Err(Failure::new(first.clone())),
            (n, Some(first)) => {
                Err(Failure::new(format!("{n} letters cannot be written; the first: {first}")))
            }
        }
    }
}

impl Draft {
    /// The address of each who gets it.
    fn recipients(&self) -> Vec<String> {
        self.to.iter().map(|mailbox| mailbox.email.to_string()).collect()
    }
}

/// Queues a letter for everybody who is to have one and was not written to.
///
/// # Errors
/// There is no such tenant, mail is not configured, or the statements or the books cannot be had.
pub(crate) fn queue(config: &Config, books: &mut Books, order: &Order<'_>, now_ms: i64) -> Outcome<Queued> {
    queue_those(config, books, order, now_ms, |_| true)
}

/// Queues one letter of a period, by its kind and whom it is about, for those who were not written to; nothing if the
/// configuration wants none such any more.
///
/// # Errors
/// As [`queue`].
pub(crate) fn queue_one(
    config: &Config,
    books: &mut Books,
    period: &Period,
    (kind, about): (&str, &str),
    now_ms: i64,
) -> Outcome<Queued> {
    let order = Order { period, tenants: &[], groups: &[], to: &[], again: false };
    queue_those(config, books, &order, now_ms, |line| line.kind == kind && line.about == about)
}

fn queue_those(
    config: &Config,
    books: &mut Books,
    order: &Order<'_>,
    now_ms: i64,
    is_wanted: impl Fn(&Line) -> bool,
) -> Outcome<Queued> {
    let mut queued = Queued::default();
    let config = &*config.of(order.period);
    let mut wanted = Vec::new();
    for line in addressees(config, order)? {
        if line.to.is_empty() {
            queued.unreached.push(line.about);
            continue;
        }
        if !is_wanted(&line) {
            continue;
        }
        let about = About { kind: line.kind, about: &line.about, period: &line.period };
        let (to, edition) = missing(books, &about, line.to.clone(), order.again)?;
        queued.before += line.to.len() - to.len();
        if !to.is_empty() {
            wanted.push(Line { to, edition, ..line });
        }
    }
    if wanted.is_empty() {
        return Ok(queued);
    }
    let unreached = queued.unreached.clone();
    let mut deliveries = 0;
    queued.failed = write(config, order.period, wanted, &unreached, now_ms, &mut |draft| {
        let letter = Letter {
            about: About { kind: draft.kind, about: &draft.about, period: &draft.period },
            edition: draft.edition,
            digest: draft.body.digest,
            message_id: &draft.message_id,
            subject: &draft.body.subject,
            message: &draft.message,
        };
        deliveries += books.queue(&letter, &draft.recipients(), now_ms)?.len();
        Ok(())
    })?;
    queued.deliveries = deliveries;
    Ok(queued)
}

/// Writes every letter of an order, whether it was sent before or not, and queues none.
///
/// # Errors
/// As [`queue`].
pub(crate) fn preview(
    config: &Config,
    order: &Order<'_>,
    now_ms: i64,
    each: &mut dyn FnMut(&Draft) -> Outcome,
) -> Outcome<Queued> {
    let config = &*config.of(order.period);
    let (reached, unreached): (Vec<Line>, Vec<Line>) =
        addressees(config, order)?.into_iter().partition(|line| !line.to.is_empty());
    let unreached: Vec<String> = unreached.into_iter().map(|line| line.about).collect();
    let deliveries = reached.iter().map(|line| line.to.len()).sum();
    let failed = write(config, order.period, reached, &unreached, now_ms, each)?;
    Ok(Queued { deliveries, before: 0, unreached, failed })
}

/// A letter that is to be written.
#[derive(Debug, Clone)]
struct Line {
    kind: &'static str,
    about: String,
    /// Its name; of what is written on each calendar, with that.
    period: String,
    edition: u32,
    to: Vec<Mailbox>,
}

/// To whom something would go: tenants and groups in the order of the configuration, the manager last.
fn addressees(config: &Config, order: &Order<'_>) -> Outcome<Vec<Line>> {
    let mail = settings(config)?;
    let known: Vec<&str> = config.payers().map(|tenant| tenant.name.as_str()).collect();
    for name in order.tenants {
        if !known.contains(&name.as_str()) {
            let near =
                nearest(name, &known).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(Failure::new(format!("the configuration has no tenant \"{name}\"{near}")));
        }
    }
    // Who had no network in the period is told of it only if somebody asks for that, or there is a statement.
    let time = order.period.from_ms()..order.period.to_ms();
    let is_for_all = order.tenants.is_empty() && order.groups.is_empty();
    // Who left may have a last statement, of what came late.
    let is_stated = |tenant: &Tenant| -> Outcome<bool> {
        Ok(matches!(closing::standing(config, &tenant.name, order.period)?, Standing::Closed(_)))
    };
    let (name, label) = (order.period.name(), config.label(order.period));
    let mut lines = Vec::new();
    for tenant in config.payers() {
        let is_wanted = match is_for_all {
            true => tenant.is_present(&time) || is_stated(tenant)?,
            false => order.tenants.contains(&tenant.name),
        };
        if !is_wanted {
            continue;
        }
        let to = if order.to.is_empty() { mailboxes(&tenant.mail) } else { order.to.to_vec() };
        lines.push(Line {
            kind: STATEMENT,
            about: tenant.name.clone(),
            period: name.clone(),
            edition: 1,
            to,
        });
    }
    for (group, to) in groups(config, order, is_for_all)? {
        let to = if order.to.is_empty() { to } else { order.to.to_vec() };
        lines.push(Line {
            kind: GROUP,
            about: group.path().to_owned(),
            period: label.clone(),
            edition: 1,
            to,
        });
    }
    let manager = if order.to.is_empty() { mail.manager.as_slice() } else { order.to };
    if is_for_all && !mail.manager.is_empty() {
        lines.push(Line {
            kind: SUMMARY,
            about: String::new(),
            period: label,
            edition: 1,
            to: manager.to_vec(),
        });
    }
    Ok(lines)
}

/// The groups whose papers are wanted, with their addresses.
fn groups(config: &Config, order: &Order<'_>, is_for_all: bool) -> Outcome<Vec<(Group, Vec<Mailbox>)>> {
    let time = order.period.from_ms()..order.period.to_ms();
    let is_theirs = |tenant: &Tenant| config.is_here(&tenant.name);
    let has_tenants = |group: &Group| {
        config.tenants.in_group(group).any(|tenant| is_theirs(tenant) && tenant.is_present(&time))
    };
    let addressed = config.groups.iter().filter(|entry| is_for_all && !entry.mail.is_empty());
    let mut wanted: Vec<(Group, Vec<Mailbox>)> = addressed
        .filter(|entry| has_tenants(&entry.group))
        .map(|entry| (entry.group.clone(), mailboxes(&entry.mail)))
        .collect();
    for path in order.groups {
        let group = config.group_named(path).map_err(Failure::new)?;
        // Of a group whose tenants are all on another calendar nothing is said here.
        if !config.tenants.in_group(&group).any(is_theirs) {
            continue;
        }
        let to = config.group(&group).map_or_else(Vec::new, |entry| mailboxes(&entry.mail));
        if to.is_empty() && order.to.is_empty() {
            return Err(Failure::new(format!(
                "the group {group} has no address: add [[group]] with name = \"{group}\" and mail, or say --to"
            )));
        }
        wanted.push((group, to));
    }
    Ok(wanted)
}

/// Addresses of the configuration, which were looked at when it was read.
fn mailboxes(texts: &[String]) -> Vec<Mailbox> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// Those who were not written to about it, or everybody in a new edition; and the edition.
fn missing(books: &Books, about: &About<'_>, to: Vec<Mailbox>, again: bool) -> Outcome<(Vec<Mailbox>, u32)> {
    let edition = books.deliveries_about(about)?.iter().map(|one| one.edition).max();
    if again {
        return Ok((to, edition.map_or(1, |edition| edition.saturating_add(1))));
    }
    let addresses: Vec<String> = to.iter().map(|mailbox| mailbox.email.to_string()).collect();
    let new = books.unwritten(about, &addresses)?;
    let to = to.into_iter().filter(|mailbox| new.contains(&mailbox.email.to_string())).collect();
    Ok((to, edition.unwrap_or(1)))
}

/// Writes the letters, one after the other: ten thousand are not held at once. Those that could not be: one who cannot be
/// written to holds up nobody.
fn write(
    config: &Config,
    period: &Period,
    lines: Vec<Line>,
    unreached: &[String],
    now_ms: i64,
    each: &mut dyn FnMut(&Draft) -> Outcome,
) -> Outcome<Vec<Unwritten>> {
    let is_closed = Shelf::of(config, period)?.is_some();
    let mut writer = Writer { config, mail: settings(config)?, period, now_ms, unreached, prepared: None };
    let mut failed = Vec::new();
    for line in lines {
        // Without accounts nobody's letter can be written.
        if !(is_closed && line.kind == STATEMENT) {
            writer.prepare()?;
        }
        match writer.draft(&line, now_ms) {
            Ok(Some(draft)) => each(&draft)?,
            Ok(None) => {}
            Err(failure) => {
                let Line { kind, about, .. } = line;
                failed.push(Unwritten { kind, about, why: failure.to_string() });
            }
        }
    }
    Ok(failed)
}

/// What letters are written from.
struct Writer<'a> {
    config: &'a Config,
    mail: &'a Mail,
    period: &'a Period,
    /// ms since 1970.
    now_ms: i64,
    /// Tenants without an address.
    unreached: &'a [String],
    /// The accounts, once a letter needs them: what is closed is sent from the books alone.
    prepared: Option<Prepared>,
}

impl Writer<'_> {
    fn prepare(&mut self) -> Outcome<&Prepared> {
        match &mut self.prepared {
            Some(prepared) => Ok(prepared),
            none => Ok(none.insert(statement::prepare(self.config, self.period, self.now_ms)?)),
        }
    }

    /// A letter; `None` if there is nothing to say.
    fn draft(&mut self, line: &Line, now_ms: i64) -> Outcome<Option<Draft>> {
        let Some(body) = self.body(line)? else { return Ok(None) };
        let Line { kind, about, period, edition, to } = line.clone();
        let head = Head {
            mail: self.mail,
            to: &to,
            about: About { kind, about: &about, period: &period },
            edition,
            date_ms: now_ms,
        };
        let (message_id, message) = (head.message_id(&body), head.write(&body)?);
        Ok(Some(Draft { kind, about, period, edition, to, message_id, body, message }))
    }

    /// What a letter says; `None` if there is nothing to say.
    fn body(&mut self, line: &Line) -> Outcome<Option<Body>> {
        let (config, mail, unreached, name) = (self.config, self.mail, self.unreached, line.period.clone());
        if line.kind == SUMMARY {
            return Body::summary(mail, &self.prepare()?.summary()?, &name, unreached).map(Some);
        }
        if line.kind == GROUP {
            let group = config.group_named(&line.about).map_err(Failure::new)?;
            return Body::summary(mail, &self.prepare()?.group(&group)?, &name, &[]).map(Some);
        }
        let tenant = line.about.as_str();
        match closing::standing(config, tenant, self.period)? {
            Standing::Closed(paper) => {
                let language = config.style(Some(tenant)).language;
                Body::closed(mail, (tenant, &name, language), &paper).map(Some)
            }
            Standing::Open => Body::statement(mail, &self.prepare()?.one(tenant)?, &name).map(Some),
            Standing::Without => {
                tracing::warn!("no letter: \"{tenant}\" had no statement when {name} was closed");
                Ok(None)
            }
        }
    }
}
