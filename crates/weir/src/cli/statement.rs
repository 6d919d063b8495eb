//! `weir statement`: what tenants are told of a period, one or all of them, the paper of a group, and the manager's page.

use super::{Common, usage};
use crate::clock;
use crate::closing;
use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use crate::report::number::things;
use crate::report::{self, Form};
use crate::statement::{self, Document, Prepared, Summary};
use clap::{Args, ValueEnum};
use serde_json::Value as Json;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use weir_account::Period;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir statement avtotrade --period 2026-10\n  \
    weir statement avtotrade --period last --pdf avtotrade.pdf\n  \
    weir statement avtotrade --period 2026-10 -o json > avtotrade-2026-10.json\n  \
    weir statement --all --period last --out statements --forms html,pdf --summary\n  \
    weir statement --summary --period last\n  \
    weir statement --group campus/north --period last --pdf north.pdf\n\n\
    How statements look is said in [statement] of the configuration, and a tenant's language and unit\n\
    in its [[tenant]]: docs/statement.md.")]
pub(super) struct Arguments {
    /// Whose
    #[arg(value_name = "TENANT", required_unless_present_any = ["all", "summary", "group"], conflicts_with = "all")]
    tenant: Option<String>,
    /// A period: 2026-10 (the billing month), last, 2026-10-05..2026-10-18, 2026-W41
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// Every tenant's, as files in the folder that --out names
    #[arg(long, requires = "out")]
    all: bool,
    /// The manager's page: all tenants in one table, whose sum is the trial balance
    #[arg(long, conflicts_with = "tenant")]
    summary: bool,
    /// The paper of a group: its tenants and those of the groups in it, with their sums
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["tenant", "all", "summary"])]
    group: Option<String>,
    /// The folder for --all; made if it is not there, and files of the same names are replaced
    #[arg(long, value_name = "DIR", requires = "all")]
    out: Option<PathBuf>,
    /// What --all writes of each
    #[arg(
        long,
        value_name = "FORM,…",
        value_enum,
        value_delimiter = ',',
        default_value = "html",
        requires = "all"
    )]
    forms: Vec<Paper>,
    /// As a page for a browser, into this file (- is standard output)
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    html: Option<PathBuf>,
    /// As a PDF, into this file (- is standard output)
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pdf: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// The form of a statement that is a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Paper {
    Text,
    Html,
    Pdf,
    Csv,
    Json,
}

impl Paper {
    const fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// What can be put on paper: a tenant's statement, one that was closed, and the page of a group or of all.
enum Sheet {
    Statement(Box<Document>),
    Closed(Box<closing::Paper>),
    Summary(Box<Summary>),
}

impl Sheet {
    fn paper(&self, paper: Paper) -> Outcome<Vec<u8>> {
        Ok(match (self, paper) {
            // As it was closed, byte for byte.
            (Self::Closed(one), Paper::Text) => one.bytes("text")?,
            (Self::Closed(one), Paper::Html) => one.bytes("html")?,
            (Self::Closed(one), Paper::Pdf) => one.bytes("pdf")?,
            (Self::Closed(one), Paper::Csv) => one.bytes("csv")?,
            (Self::Closed(one), Paper::Json) => one.bytes("json")?,
            (Self::Statement(one), Paper::Text) => one.text().into_bytes(),
            (Self::Statement(one), Paper::Html) => one.html().into_bytes(),
            (Self::Statement(one), Paper::Pdf) => one.pdf()?,
            (Self::Statement(one), Paper::Csv) => one.csv().into_bytes(),
            (Self::Statement(one), Paper::Json) => format!("{:#}\n", one.named_json()).into_bytes(),
            (Self::Summary(all), Paper::Text) => all.text().into_bytes(),
            (Self::Summary(all), Paper::Html) => all.html().into_bytes(),
            (Self::Summary(all), Paper::Pdf) => all.pdf()?,
            (Self::Summary(all), Paper::Csv) => all.csv().into_bytes(),
            (Self::Summary(all), Paper::Json) => format!("{:#}\n", all.json()).into_bytes(),
        })
    }

    /// A tenant's alone: of a closed period nothing but the books is read.
    fn alone(config: &Config, period: &Period, tenant: &str) -> Outcome<Self> {
        Ok(match closing::kept(config, tenant, period)? {
            Some(closed) => Self::Closed(Box::new(closed)),
            None => Self::Statement(Box::new(statement::one(config, period, clock::now_ms(), tenant)?)),
        })
    }

    /// A tenant's: as it was closed, if the period is; else as it is now.
    fn of(config: &Config, period: &Period, prepared: &Prepared, tenant: &str) -> Outcome<Self> {
        Ok(match closing::kept(config, tenant, period)? {
            Some(closed) => Self::Closed(Box::new(closed)),
            None => Self::Statement(Box::new(prepared.one(tenant)?)),
        })
    }

    /// Prints it as an answer.
    fn print(&self, form: Form) -> Outcome {
        match self {
            Self::Closed(one) => one.print(form),
            Self::Statement(one) => {
                report::print(&Self::answer(form, || one.text(), || one.csv(), || one.named_json()))
            }
            Self::Summary(all) => {
                report::print(&Self::answer(form, || all.text(), || all.csv(), || all.json()))
            }
        }
    }

    /// Several as one answer.
    fn together<'a>(sheets: impl Iterator<Item = &'a Self>, form: Form) -> String {
        let (mut texts, mut documents) = (Vec::new(), Vec::new());
        for sheet in sheets {
            let Self::Summary(all) = sheet else { continue };
            match form {
                Form::Json | Form::Ndjson => documents.push(all.json()),
                Form::Csv => texts.push(all.csv()),
                Form::Table | Form::Parquet | Form::Arrow => texts.push(all.text()),
            }
        }
        match form {
            Form::Json => format!("{:#}\n", report::listed(documents)),
            Form::Ndjson => documents.iter().map(|one| format!("{one}\n")).collect(),
            Form::Csv => report::joined_csv(texts),
            Form::Table | Form::Parquet | Form::Arrow => texts.join("\n"),
        }
    }

    fn answer(
        form: Form,
        text: impl FnOnce() -> String,
        csv: impl FnOnce() -> String,
        json: impl FnOnce() -> Json,
    ) -> String {
        match form {
            Form::Table | Form::Parquet | Form::Arrow => text(),
            Form::Csv => csv(),
            Form::Json => format!("{:#}\n", json()),
            Form::Ndjson => format!("{}\n", json()),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("statement")?;
    let config = arguments.common.config()?;
    let group = arguments.group.as_deref().map(|path| config.group_named(path).map_err(Failure::new));
    let group = group.transpose()?;
    if let Some(tenant) = &arguments.tenant {
        let period = usage::period_of(tenant, &arguments.period, &config)?;
        return put_out(&[(String::new(), Sheet::alone(&config, &period, tenant)?)], arguments, form);
    }
    // On each calendar that tenants have, a period of its own.
    let mut periods: Vec<Period> =
        usage::periods(&[], &arguments.period, &config)?.into_iter().map(|(period, _)| period).collect();
    if let Some(folder) = &arguments.out {
        return periods.iter().try_for_each(|period| {
            let prepared = statement::prepare(&config, period, clock::now_ms())?;
            write_all(&config, &prepared, period, arguments, folder)
        });
    }
    let site = periods.first().map(|period| config.label(period));
    if let Some(group) = &group {
        let has_tenants = |period: &Period| {
            let config = config.of(period);
            config.tenants.in_group(group).any(|tenant| config.is_here(&tenant.name))
        };
        periods.retain(has_tenants);
    }
    let mut sheets = Vec::new();
    for period in &periods {
        let summary = match &group {
            Some(group) => statement::of_group(&config, period, clock::now_ms(), group)?,
            None => statement::prepare(&config, period, clock::now_ms())?.summary()?,
        };
        let label = Some(config.label(period)).filter(|label| Some(label) != site.as_ref());
        sheets.push((label.unwrap_or_default(), Sheet::Summary(Box::new(summary))));
    }
    put_out(&sheets, arguments, form)
}

/// Writes sheets into the files that were asked for, or prints them. Each has a name among the others, but for the first.
fn put_out(sheets: &[(String, Sheet)], arguments: &Arguments, form: Form) -> Outcome {
    let files = [(&arguments.html, Paper::Html), (&arguments.pdf, Paper::Pdf)];
    for (path, paper) in files {
        let Some(path) = path else { continue };
        for (label, sheet) in sheets {
            put(&beside(path, label)?, &sheet.paper(paper)?)?;
        }
    }
    match sheets {
        _ if files.iter().any(|(path, _)| path.is_some()) => Ok(()),
        [(_, sheet)] => sheet.print(form),
        sheets => report::print(&Sheet::together(sheets.iter().map(|(_, sheet)| sheet), form)),
    }
}

/// A file beside another one, with a label in its name: `all.pdf`, `all-2026-10_Asia_Kolkata.pdf`.
fn beside(path: &Path, label: &str) -> Outcome<PathBuf> {
    if label.is_empty() {
        return Ok(path.to_path_buf());
    }
    if path == Path::new("-") {
        let cure = "name a file: each period has one of its own beside it";
        return Err(Failure::usage(format!(
            "there are several periods, as tenants have calendars of their own: {cure}"
        )));
    }
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map_or_else(String::new, |end| format!(".{}", end.to_string_lossy()));
    Ok(path.with_file_name(format!("{}-{}{extension}", text(path.file_stem()), plain(label))))
}

/// Writes a file, or standard output.
fn put(path: &Path, bytes: &[u8]) -> Outcome {
    if path == Path::new("-") {
        let mut out = std::io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush()).or_else(|error| exit::output(&error));
    }
    std::fs::write(path, bytes).map_err(|error| exit::io("cannot write", path, &error))
}

/// Writes every tenant's statement, by as many threads as there are processors, and the manager's page if it is asked for.
/// What cannot be written keeps nothing else back; it is listed at the end.
fn write_all(
    config: &Config,
    prepared: &Prepared,
    period: &Period,
    arguments: &Arguments,
    folder: &Path,
) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| exit::io("cannot make the folder", folder, &error))?;
    // Of a closed period those that were closed, whoever is a tenant now.
    let tenants = match closing::Shelf::of(config, period)? {
        Some(shelf) => shelf.tenants()?,
        None => prepared.tenants().map(str::to_owned).collect(),
    };
    let names = file_names(&tenants, &period.name());
    let work: Vec<(&String, &String)> = tenants.iter().zip(&names).collect();
    let write = |whose: &str, sheet: Outcome<Sheet>, name: &str| {
        Written::of(whose, sheet, &arguments.forms, &folder.join(name))
    };
    let one = |(tenant, name): &(&String, &String)| {
        write(tenant, Sheet::of(config, period, prepared, tenant), name)
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut written: Vec<Written> = std::thread::scope(|scope| {
        let parts = work.chunks(work.len().div_ceil(threads).max(1));
        let parts = parts.map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()));
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|_| vec![Written::ended_badly()]))
            .collect()
    });
    let statements = written.iter().filter(|one| one.failures.is_empty()).count();
    if arguments.summary {
        let sheet = prepared.summary().map(|summary| Sheet::Summary(Box::new(summary)));
        let name = plain(&config.label(period));
        written.push(write("the manager's page", sheet, &format!("all-tenants-{name}")));
    }
    let files: usize = written.iter().map(|one| one.files).sum();
    let (statements, files) = (things(statements as u64, "statement"), things(files as u64, "file"));
    report::print(&format!("{statements} of {}: {files} in {}\n", config.label(period), folder.display()))?;
    let failures: Vec<String> = written.into_iter().flat_map(|one| one.failures).collect();
    if failures.is_empty() {
        return Ok(());
    }
    let list = failures.join("\n  ");
    Err(Failure::new(format!("not everything of {} could be written:\n  {list}", period.name())))
}

/// What became of one paper's files.
#[derive(Default)]
struct Written {
    files: usize,
    /// What could not be written, and why.
    failures: Vec<String>,
}

impl Written {
    /// Writes a sheet in all forms that it can be written in. `path` is that of its files, without their extensions.
    fn of(whose: &str, sheet: Outcome<Sheet>, forms: &[Paper], path: &Path) -> Self {
        let mut written = Self::default();
        let sheet = match sheet {
            Ok(sheet) => sheet,
            Err(failure) => return Self { files: 0, failures: vec![format!("{whose}: {failure}")] },
        };
        for paper in forms {
            let mut file = path.as_os_str().to_owned();
            file.push(format!(".{}", paper.extension()));
            match sheet.paper(*paper).and_then(|bytes| put(Path::new(&file), &bytes)) {
                Ok(()) => written.files += 1,
                Err(failure) => written.failures.push(format!("{whose}: {failure}")),
            }
        }
        written
    }

    fn ended_badly() -> Self {
        let failure = "a thread ended badly, which is a defect: statements of some tenants are missing";
        Self { files: 0, failures: vec![failure.to_owned()] }
    }
}

/// A text as a part of a file's name: what may lead out of a folder, or is special to a shell, is `_`.
fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '+');
    text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// A file's name for each tenant: `avtotrade-2026-10`. What may lead out of a folder, or is special to a shell, is `_`; names
/// that are then the same get a number.
fn file_names(tenants: &[impl AsRef<str>], period: &str) -> Vec<String> {
    let mut taken = HashSet::from([format!("all-tenants-{period}")]);
    let mut names = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let mut plain: String = plain(tenant.as_ref()).chars().take(50).collect();
        if plain.starts_with(['.', '-']) {
            plain.insert(0, '_');
        }
        // A name is compared without case: files are, on other systems.
        let mut name = format!("{plain}-{period}");
        let mut number = 2;
        while !taken.insert(name.to_lowercase()) {
            name = format!("{plain}-{number}-{period}");
            number += 1;
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::file_names;

    #[test]
    fn a_tenants_name_does_not_lead_out_of_the_folder() {
        let names = file_names(
            &["avtotrade", "../../etc/passwd", "a/b", "a_b", "A_B", "Bäckerei Й", "-rf", "all-tenants"],
            "2026-10",
        );
        assert_eq!(
            names,
            [
                "avtotrade-2026-10",
                "_.._.._etc_passwd-2026-10",
                "a_b-2026-10",
                "a_b-2-2026-10",
                "A_B-3-2026-10",
                "Bäckerei_Й-2026-10",
                "_-rf-2026-10",
                "all-tenants-2-2026-10",
            ]
        );
    }
}
