use super::*;

/// 2026-11-01T06:00:00Z.
const NOVEMBER_MS: i64 = 1_793_512_800_000;
const ABOUT: About<'_> = About { kind: STATEMENT, about: "acme", period: "2026-10" };

fn mail(more: &str) -> Mail {
    let text = format!("[mail]\nfrom = \"Netz <netz@example.org>\"\nserver = \"mx\"\n{more}");
    crate::config::read(&text).unwrap().mail.unwrap()
}

fn body() -> Body {
    Body {
        subject: "Verkehr für Müller, 2026-10".to_owned(),
        text: "Total incoming: 1.000 MB\n.\nFrom here\n".to_owned(),
        html: Some("<p>Total incoming: 1.000&nbsp;MB</p>\n".to_owned()),
        attached: vec![Attached {
            name: "müller.csv".to_owned(),
            kind: "text/csv; charset=utf-8",
            bytes: b"a,b\n1,2\n".to_vec(),
        }],
        digest: [7; 32],
    }
}

fn written(mail: &Mail, body: &Body, edition: u32, date_ms: i64) -> String {
    let to: Vec<Mailbox> =
        ["Anna <anna@example.com>", "bob@example.com"].map(|to| to.parse().unwrap()).into();
    let head = Head { mail, to: &to, about: ABOUT, edition, date_ms };
    String::from_utf8(head.write(body).unwrap()).unwrap()
}

/// The value of a header, lines that were folded joined.
fn header(message: &str, name: &str) -> Option<String> {
    let (head, _) = message.split_once("\r\n\r\n").unwrap();
    let joined = head.replace("\r\n ", " ");
    joined.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

#[test]
fn headers_say_what_it_is() {
    let message = written(&mail("reply_to = \"office@example.org\"\n"), &body(), 1, NOVEMBER_MS);
    let expect = |name, value: &str| assert_eq!(header(&message, name).as_deref(), Some(value), "{message}");
    expect("From", "Netz <netz@example.org>");
    expect("To", "Anna <anna@example.com>, bob@example.com");
    expect("Reply-To", "office@example.org");
    expect("Date", "Sun, 01 Nov 2026 06:00:00 +0000");
    expect("Auto-Submitted", "auto-generated");
    expect("MIME-Version", "1.0");
    let id = header(&message, "Message-ID").unwrap();
    assert!(id.starts_with("<statement.2026-10.1.") && id.ends_with("@example.org>"), "{id}");
    let thread = header(&message, "References").unwrap();
    assert!(
        thread.starts_with("<statement.") && thread.ends_with("@example.org>") && thread != id,
        "{thread}"
    );
}

/// What servers insist on: no bare line end, no line of more than 998 octets, 7 bits (RFC 5321 §2.3.8, §4.5.3.1.6).
#[test]
fn whatever_is_in_it_can_be_sent_by_any_server() {
    let long = "ü€ \u{1f4e8}".repeat(2000);
    let odd = Body {
        text: format!("Total incoming: 1.000 MB\n{long}\n.\n\u{7f}\ttab \nFrom here"),
        html: Some(long.clone()),
        attached: vec![
            Attached { name: "a.json".to_owned(), kind: "application/json", bytes: vec![b'x'; 10_000] },
            Attached { name: "b.pdf".to_owned(), kind: "application/pdf", bytes: (0..=255).collect() },
            Attached { name: "c.csv".to_owned(), kind: "text/csv", bytes: b"a,b\n1,2\r3\n".to_vec() },
        ],
        subject: long,
        ..body()
    };
    for body in [odd, body()] {
        let message = written(&mail(""), &body, 1, NOVEMBER_MS);
        assert!(message.is_ascii() && !message.replace("\r\n", "").contains(['\r', '\n']));
        assert!(message.lines().all(|line| line.len() <= 998));
        // The first line stands there as it reads.
        assert!(message.contains("\r\n\r\nTotal incoming: 1.000 MB\r\n"), "{message}");
    }
}

#[test]
fn the_same_statement_is_the_same_letter() {
    let mail = mail("");
    let message = written(&mail, &body(), 1, NOVEMBER_MS);
    assert_eq!(message, written(&mail, &body(), 1, NOVEMBER_MS));
    let id = |message: &str| header(message, "Message-ID").unwrap();
    // Queued at another time it is still the same statement; sent again on purpose, or with other figures, it is another.
    assert_eq!(id(&message), id(&written(&mail, &body(), 1, NOVEMBER_MS + 1000)));
    assert_ne!(id(&message), id(&written(&mail, &body(), 2, NOVEMBER_MS)));
    let other = Body { digest: [8; 32], ..body() };
    assert_ne!(id(&message), id(&written(&mail, &other, 1, NOVEMBER_MS)));
    // All of them are one conversation.
    assert_eq!(header(&message, "References"), header(&written(&mail, &other, 2, NOVEMBER_MS), "References"));
}

#[test]
fn parts_are_there_if_they_are_wanted() {
    let mail = mail("");
    let kinds = |body: &Body| {
        let message = written(&mail, body, 1, NOVEMBER_MS);
        let lines = message.lines().filter_map(|line| line.strip_prefix("Content-Type: "));
        lines.map(|kind| kind.split(';').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(&body()),
        ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv"]
    );
    let plain = Body { html: None, ..body() };
    assert_eq!(kinds(&plain), ["multipart/mixed", "text/plain", "text/csv"]);
    let alone = Body { html: None, attached: Vec::new(), ..body() };
    assert_eq!(kinds(&alone), ["text/plain"]);
}

#[test]
fn names_from_outside_break_nothing() {
    let odd = Body { subject: "a\r\nBcc: everybody@example.com".to_owned(), ..body() };
    let odd = Body { subject: one_line(&odd.subject), ..odd };
    let message = written(&mail(""), &odd, 1, NOVEMBER_MS);
    assert_eq!(header(&message, "Subject").as_deref(), Some("a Bcc: everybody@example.com"));
    assert_eq!(header(&message, "Bcc"), None);
    let names = ["avtotrade", "../etc/passwd", "a \"b\"/c", "Müller & Söhne", "..", ""].map(file_name);
    assert_eq!(names, ["avtotrade", "etc-passwd", "a-b-c", "Müller-Söhne", "unnamed", "unnamed"]);
    assert_eq!(["2026-10", "2026-10-05..2026-10-18"].map(token), ["2026-10", "2026-10-05.2026-10-18"]);
    // A domain in other letters is none for a Message-ID.
    let mail =
        crate::config::read("[mail]\nfrom = \"a@müller.example\"\nserver = \"mx\"\n").unwrap().mail.unwrap();
    let id = header(&written(&mail, &body(), 1, NOVEMBER_MS), "Message-ID").unwrap();
    assert!(id.ends_with("@weir.invalid>"), "{id}");
}
