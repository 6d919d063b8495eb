//! A letter as it is sent: headers, the text plain and as HTML, and what is attached (RFC 5322, 2045 to 2049).
//!
//! The same statement, recipients and date give the same octets: boundaries and Message-ID are made from what it says, and
//! its date is the moment it was queued, not the period's end, because a mail from last month would be filed there, and
//! is what filters of spam look for.

use crate::closing::Paper;
use crate::config::{Attach, Mail};
use crate::exit::{Failure, Outcome};
use crate::report;
use crate::statement::{Document, Language, Summary};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body as MessageBody, Mailbox, Message, MultiPart, SinglePart};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};
use weir_books::About;

/// What kinds of letters there are, as the books name them.
pub(crate) const STATEMENT: &str = "statement";
/// The manager's.
pub(crate) const SUMMARY: &str = "summary";
/// The paper of a group.
pub(crate) const GROUP: &str = "group";

/// What a letter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) attached: Vec<Attached>,
    /// A digest of what is stated, however it looks.
    pub(crate) digest: [u8; 32],
}

/// A file that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    /// The file's name.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) kind: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Body {
    /// A tenant's statement as the accounts say now.
    ///
    /// # Errors
    /// It cannot be set as PDF.
    pub(crate) fn statement(mail: &Mail, document: &Document, period: &str) -> Outcome<Self> {
        let name = format!("{}-{}", file_name(document.tenant()), file_name(period));
        let stated = document.json();
        let mut attached = Vec::new();
        for form in &mail.attach {
            let bytes = match form {
                Attach::Pdf => document.pdf()?,
                Attach::Csv => document.csv().into_bytes(),
                Attach::Json => format!("{stated:#}\n").into_bytes(),
            };
            attached.push(Attached {
                name: format!("{name}.{}", form.word()),
                kind: media_type(*form),
                bytes,
            });
        }
        Ok(Self {
            subject: subject(
                (document.tenant(), period, document.style.language),
                document.is_empty(),
                document.is_incomplete(),
            ),
            text: document.text(),
            html: mail.html.then(|| document.html()),
            attached,
            digest: Sha256::digest(stated.to_string()).into(),
        })
    }

    /// A tenant's statement as it was closed: every form is the one that was kept then, whatever the configuration says now.
    /// What was not kept is not attached.
    ///
    /// # Errors
    /// The books cannot be read.
    pub(crate) fn closed(
        mail: &Mail,
        (tenant, period, language): (&str, &str, Language),
        paper: &Paper,
    ) -> Outcome<Self> {
        let name = format!("{}-{}", file_name(tenant), file_name(period));
        let text =
            |form: &str| -> Outcome<String> { Ok(String::from_utf8_lossy(&paper.bytes(form)?).into_owned()) };
        let mut attached = Vec::new();
        for form in &mail.attach {
            match paper.bytes(form.word()) {
                Ok(bytes) => {
                    let name = format!("{name}.{}", form.word());
                    attached.push(Attached { name, kind: media_type(*form), bytes });
                }
                Err(failure) => tracing::warn!("{tenant}: not attached: {failure}"),
            }
        }
        let stated = paper.bytes("json")?;
        let (is_empty, is_incomplete) = notices(&stated);
        Ok(Self {
            subject: subject((tenant, period, language), is_empty, is_incomplete),
            text: text("text")?,
            html: if mail.html { Some(text("html")?) } else { None },
            attached,
            digest: Sha256::digest(stated).into(),
        })
    }

    /// The manager's summary, with who gets no letter; or the paper of a group.
    ///
    /// # Errors
    /// It cannot be set as PDF.
    pub(crate) fn summary(
        mail: &Mail,
        summary: &Summary,
        period: &str,
        unreached: &[String],
    ) -> Outcome<Self> {
        let about = summary.of.as_ref().map_or(SUMMARY, |about| about.group.path());
        let name = format!("{}-{}", file_name(about), file_name(period));
        let stated = summary.json();
        let mut attached = Vec::new();
        for form in &mail.attach {
            let bytes = match form {
                Attach::Pdf => summary.pdf()?,
                Attach::Csv => summary.csv().into_bytes(),
                Attach::Json => format!("{stated:#}\n").into_bytes(),
            };
            attached.push(Attached {
                name: format!("{name}.{}", form.word()),
                kind: media_type(*form),
                bytes,
            });
        }
        let mut text = summary.text();
        if !unreached.is_empty() {
            let _ = writeln!(text, "\n{}: {}", words(summary.style.language).unreached, unreached.join(", "));
        }
        Ok(Self {
            subject: one_line(&summary.subject()),
            text,
            html: mail.html.then(|| summary.html()),
            attached,
            digest: Sha256::digest(stated.to_string()).into(),
        })
    }
}

/// What mail says beside the statement, in a language.
struct Words {
    nothing_used: &'static str,
    incomplete: &'static str,
    unreached: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            nothing_used: "no traffic",
            incomplete: "data is missing",
            unreached: "No mail is sent to, for want of an address",
        },
        Language::German => Words {
            nothing_used: "kein Verkehr",
            incomplete: "Daten fehlen",
            unreached: "Keine Mail erhalten, weil keine Adresse angegeben ist",
        },
        Language::Russian => Words {
            nothing_used: "нет трафика",
            incomplete: "данные неполны",
            unreached: "Письма не отправляются, так как не указан адрес",
        },
    }
}

/// The statement's subject; who used nothing, or whose data is incomplete, sees it there already.
fn subject(
    (tenant, period, language): (&str, &str, Language),
    is_empty: bool,
    is_incomplete: bool,
) -> String {
    let words = words(language);
    let notices = [(is_empty, words.nothing_used), (is_incomplete, words.incomplete)].into_iter();
    let notices: Vec<&str> = notices.filter_map(|(is_so, notice)| is_so.then_some(notice)).collect();
    let subject = one_line(&report::statement::subject(tenant, period, language));
    if notices.is_empty() { subject } else { format!("{subject} ({})", notices.join(", ")) }
}

/// Whether nothing was used, and whether something is missing, by a statement that was closed.
fn notices(stated: &[u8]) -> (bool, bool) {
    let stated: Json = serde_json::from_slice(stated).unwrap_or_default();
    let ways = ["in", "out", "local_in", "local_out"];
    let is_empty = ways.iter().all(|way| {
        let sums = stated.get(way).and_then(Json::as_object);
        sums.is_some_and(|sums| sums.values().all(|sum| sum.as_u64() == Some(0)))
    });
    let percent = stated.pointer("/completeness/percent").and_then(Json::as_str);
    (is_empty, percent != Some("100.00 %"))
}

fn media_type(form: Attach) -> &'static str {
    match form {
        Attach::Pdf => "application/pdf",
        Attach::Csv => "text/csv; charset=utf-8",
        Attach::Json => "application/json",
    }
}

/// Everything around the body.
pub(crate) struct Head<'a> {
    pub(crate) mail: &'a Mail,
    pub(crate) to: &'a [Mailbox],
    pub(crate) about: About<'a>,
    /// 1, and one more for each that was sent again on purpose.
    pub(crate) edition: u32,
    /// When it was queued, ms since 1970.
    pub(crate) date_ms: i64,
}

impl Head<'_> {
    /// Its name: the same for the same statement in the same edition, so that who got it twice sees that it is one.
    pub(crate) fn message_id(&self, body: &Body) -> String {
        let About { kind, about, period } = self.about;
        let hash = hash(&[kind, about, period], &body.digest);
        let period = token(period);
        format!("<{kind}.{period}.{}.{hash}@{}>", self.edition, self.domain())
    }

    /// What all letters of a kind about one tenant refer to, so that mail programs show them together.
    fn thread(&self) -> String {
        let About { kind, about, .. } = self.about;
        format!("<{kind}.{}@{}>", hash(&[kind, about], &[]), self.domain())
    }

    fn domain(&self) -> &str {
        let domain = self.mail.from.email.domain();
        // An address literal, or letters that a Message-ID cannot have.
        let is_plain = domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
        if is_plain { domain } else { "weir.invalid" }
    }

    /// The letter, as it is handed over.
    ///
    /// # Errors
    /// lettre will not make it of this.
    pub(crate) fn write(&self, body: &Body) -> Outcome<Vec<u8>> {
        let message_id = self.message_id(body);
        let ms = u64::try_from(self.date_ms).unwrap_or_default();
        let mut head = Message::builder()
            .from(self.mail.from.clone())
            .subject(&body.subject)
            .date(UNIX_EPOCH + Duration::from_millis(ms))
            .message_id(Some(message_id.clone()))
            .references(self.thread())
            // RFC 3834: nobody's absence is to be answered to this.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = &self.mail.reply_to {
            head = head.reply_to(reply_to.clone());
        }
        for mailbox in self.to {
            head = head.to(mailbox.clone());
        }
        let seed = hash(&[&message_id], &body.digest);
        let plain = readable(&body.text, ContentType::TEXT_PLAIN);
        let text = match &body.html {
            None => Text::Plain(plain),
            Some(html) => Text::Both(
                MultiPart::alternative()
                    .boundary(format!("weir-text-{seed}"))
                    .singlepart(plain)
                    .singlepart(readable(html, ContentType::TEXT_HTML)),
            ),
        };
        let message = if body.attached.is_empty() {
            match text {
                Text::Plain(part) => head.singlepart(part),
                Text::Both(parts) => head.multipart(parts),
            }
        } else {
            let all = MultiPart::mixed().boundary(format!("weir-files-{seed}"));
            let mut all = match text {
                Text::Plain(part) => all.singlepart(part),
                Text::Both(parts) => all.multipart(parts),
            };
            for file in &body.attached {
                all = all.singlepart(attachment(file)?);
            }
            head.multipart(all)
        };
        let message = message
            .map_err(|error| Failure::new(format!("cannot write the letter {message_id}: {error}")))?;
        Ok(message.formatted())
    }
}

/// The text of a letter, plain or in both forms.
enum Text {
    Plain(SinglePart),
    Both(MultiPart),
}

/// A text that can be read in the message as it is sent, whatever letters and lines are in it: filters of spam dislike one
/// that cannot.
fn readable(text: &str, kind: ContentType) -> SinglePart {
    let part = SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable);
    part.body(text.to_owned())
}

/// A file as octets: so that its line ends stay as they are, and no line is too long for a server.
fn attachment(file: &Attached) -> Outcome<SinglePart> {
    let kind = ContentType::parse(file.kind)
        .map_err(|error| Failure::new(format!("{} is no media type: {error}", file.kind)))?;
    let bytes = MessageBody::new_with_encoding(file.bytes.clone(), ContentTransferEncoding::Base64)
        .map_err(|_| Failure::new(format!("{} cannot be attached", file.name)))?;
    Ok(Attachment::new(file.name.clone()).body(bytes, kind))
}

/// 32 hexadecimal digits of texts, whose lengths count, and a digest.
fn hash(texts: &[&str], digest: &[u8]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.update(digest);
    let hash: [u8; 32] = hash.finalize().into();
    hash.iter().take(16).fold(String::new(), |mut out, byte| {
        // Writing into a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A text without line ends and other control characters: a header is one line.
fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A text of letters that may stand in a Message-ID.
fn token(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(".")
}

/// A text as part of a file's name.
pub(crate) fn file_name(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let parts = text.split(|c| !is_plain(c)).filter(|part| !part.is_empty());
    let name: String = parts.collect::<Vec<_>>().join("-").chars().take(100).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

#[cfg(test)]
mod tests;
