//! What came back: a report of a mail server that could not deliver a letter it had taken (RFC 3464).
//!
//! A report names the recipients with what became of each, and has the letter beside it, or at least its head: by its
//! Message-ID we know which it was.

use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

/// A report is not larger than this: it may hold the letter, with what was attached.
pub(crate) const REPORT_BYTES_MAX: u64 = 64 << 20;

/// What a report says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// The Message-ID of the letter, in angle brackets.
    pub(crate) message_id: String,
    /// Each recipient that is named.
    pub(crate) recipients: Vec<Recipient>,
}

/// What became of a letter to one recipient.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// The address it was sent to, and the one it came to in the end, as far as they are said.
    pub(crate) addresses: Vec<String>,
    /// `failed`, `delayed`, `delivered`, `relayed`, `expanded`.
    pub(crate) action: String,
    /// The status code, as 5.1.1, and the words of the server that refused it.
    pub(crate) words: String,
}

impl Recipient {
    /// Whether it was not delivered, and will not be.
    pub(crate) fn is_returned(&self) -> bool {
        self.action.eq_ignore_ascii_case("failed")
    }
}

/// Reads a report.
///
/// # Errors
/// It is none, or does not say of which letter it is; in words.
pub(crate) fn read(message: &[u8]) -> Result<Report, String> {
    let none = "this is no report of a mail server about a letter (RFC 3464)";
    let report = MessageParser::default().parse(message).ok_or(none)?;
    let status = report.parts.iter().find(|part| is(part, "message", "delivery-status")).ok_or(none)?;
    let recipients = recipients(&String::from_utf8_lossy(status.contents()));
    if recipients.is_empty() {
        return Err(none.to_owned());
    }
    let id = report.parts.iter().find_map(message_id);
    let message_id = id.ok_or("the report does not have the letter's Message-ID: its head is not in it")?;
    Ok(Report { message_id, recipients })
}

/// Whether a part is of this type.
fn is(part: &MessagePart<'_>, main: &str, sub: &str) -> bool {
    part.content_type().is_some_and(|of| {
        of.ctype().eq_ignore_ascii_case(main) && of.subtype().is_some_and(|of| of.eq_ignore_ascii_case(sub))
    })
}

/// The Message-ID of the letter in a part, or of its head alone.
fn message_id(part: &MessagePart<'_>) -> Option<String> {
    let id = match &part.body {
        PartType::Message(letter) => letter.message_id().map(str::to_owned),
        _ if is(part, "text", "rfc822-headers") || is(part, "message", "rfc822-headers") => {
            let head = MessageParser::default().parse(part.contents())?;
            head.message_id().map(str::to_owned)
        }
        _ => None,
    };
    id.map(|id| format!("<{id}>"))
}

/// The groups of fields about recipients. The first group is about the message.
fn recipients(text: &str) -> Vec<Recipient> {
    let mut all = Vec::new();
    let text = text.replace("\r\n", "\n");
    for group in text.split("\n\n") {
        let mut recipient = Recipient::default();
        for (name, value) in fields(group) {
            match name.to_ascii_lowercase().as_str() {
                "original-recipient" | "final-recipient" => {
                    recipient.addresses.push(after_type(&value).to_owned());
                }
                "action" => recipient.action = value,
                "status" => recipient.words = format!("{value} {}", recipient.words).trim().to_owned(),
                "diagnostic-code" => {
                    recipient.words = format!("{} {}", recipient.words, after_type(&value)).trim().to_owned();
                }
                _ => {}
            }
        }
        if !recipient.addresses.is_empty() {
            all.push(recipient);
        }
    }
    all
}

/// Fields with their values, which may go on in lines that begin with a space.
fn fields(group: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in group.lines() {
        match fields.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                let field = line.split_once(':');
                fields.extend(field.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
            }
        }
    }
    fields
}

/// Of `rfc822; a@example.org` the address, of `smtp; 550 no such user` the words.
fn after_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, rest)| rest).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As Postfix writes it.
    fn report(action: &str, beside: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example.org\r\nSubject: Undelivered Mail Returned to Sender\r\nTo: weir@example.org\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B/x\"\r\n\r\n\
             --B/x\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry to have to inform you\r\n\r\n\
             --B/x\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example.org\r\nArrival-Date: Sun,  1 Nov 2026 06:00:01 +0100 (CET)\r\n\r\n\
             Final-Recipient: rfc822; Carol@Example.net\r\nOriginal-Recipient: rfc822;office@example.com\r\nAction: {action}\r\n\
             Status: 5.1.1\r\nRemote-MTA: dns; mail.example.net\r\nDiagnostic-Code: smtp; 550 5.1.1 <Carol@Example.net>:\r\n    \
             no such user\r\n\r\n--B/x\r\n{beside}\r\n--B/x--\r\n"
        )
    }

    #[test]
    fn a_report_says_who_did_not_get_which_letter() {
        let head = "Message-ID: <statement.2026-10.1.0a@example.org>\r\nSubject: October\r\n";
        for beside in [
            format!("Content-Type: message/rfc822\r\n\r\n{head}\r\nTotal incoming: 1 MB\r\n"),
            format!("Content-Type: text/rfc822-headers\r\n\r\n{head}"),
        ] {
            let read = read(report("failed", &beside).as_bytes()).unwrap();
            assert_eq!(read.message_id, "<statement.2026-10.1.0a@example.org>");
            let [recipient] = &read.recipients[..] else { panic!("{read:?}") };
            assert_eq!(recipient.addresses, ["Carol@Example.net", "office@example.com"]);
            assert_eq!(recipient.words, "5.1.1 550 5.1.1 <Carol@Example.net>: no such user");
            assert!(recipient.is_returned());
        }
        let late = report("delayed", &format!("Content-Type: message/rfc822\r\n\r\n{head}\r\nx\r\n"));
        assert!(!read(late.as_bytes()).unwrap().recipients[0].is_returned());
        let nothing = read(report("failed", "Content-Type: text/plain\r\n\r\nx").as_bytes());
        assert!(nothing.unwrap_err().contains("Message-ID"));
        assert!(read(b"Subject: hello\r\n\r\nIs anybody there?\r\n").unwrap_err().contains("no report"));
        assert!(read(b"").unwrap_err().contains("no report"));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(cut in 0usize..1200, at in 0usize..1200, octet: u8) {
            let mut bytes = report("failed", "Content-Type: message/rfc822\r\n\r\nMessage-ID: <a@b>\r\n\r\nx\r\n").into_bytes();
            if let Some(one) = bytes.get_mut(at) {
                *one = octet;
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Ok(report) = read(&bytes) {
                prop_assert!(!report.recipients.is_empty() && report.message_id.starts_with('<'));
            }
        }
    }
}
