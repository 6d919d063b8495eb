//! Statements as mail. Document 000 from end to end: a building's tenants, a router that exports NetFlow v5, the month
//! before; each tenant's mail is received by a real mail server, read by Python, and held against what the test itself put
//! into the export. Then what servers do that are busy, picky or die.

use crate::capture::Capture;
use crate::daemon::{Daemon, until};
use crate::netflow::{self, Flow};
use crate::run::Place;
use crate::smtp::{Answer, Server};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The tenants of the document, as its script names them, and what the names stand for; `3233` is two networks.
const TENANTS: [(&str, &[u8]); 7] = [
    ("31", &[31]),
    ("3233", &[32, 33]),
    ("34", &[34]),
    ("35", &[35]),
    ("3637", &[36, 37]),
    ("38", &[38]),
    ("39", &[39]),
];
/// The one that used nothing.
const EMPTY: &str = "39";
/// Hosts of each network that have traffic.
const HOSTS: u8 = 4;
/// What the document's first tenant had, octets.
const TOTAL_31: u64 = 67_673_187_000;

/// Octets, packets and flows that came in, by tenant and host.
type Truth = BTreeMap<&'static str, BTreeMap<[u8; 4], [u64; 3]>>;

/// The month before this one, UTC: its name, and its days.
fn last_month() -> (String, Vec<Date>) {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let last = today.first_of_month().yesterday().unwrap();
    let days = (1..=last.day()).map(|day| Date::new(last.year(), last.month(), day).unwrap()).collect();
    (format!("{:04}-{:02}", last.year(), last.month()), days)
}

fn flow(src: [u8; 4], dst: [u8; 4], octets: u64, packets: u64) -> Flow {
    let [octets, packets] = [octets, packets].map(|n| u32::try_from(n).unwrap());
    Flow { src, dst, src_port: 443, dst_port: 50_000, octets, packets }
}

/// A capture of what the router sent in that month, a datagram an hour for each network, and what is in it. `lost`: of these
/// datagrams nobody captured anything.
fn export(days: &[Date], lost: &[usize]) -> (Vec<u8>, Truth) {
    let mut capture = Capture::new();
    let mut truth = Truth::new();
    let (mut sequence, mut datagrams, mut rest) = (0u32, 0usize, TOTAL_31);
    let hours = days.len() * 24;
    for hour in 0..hours {
        let midnight = days[hour / 24].to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let at_s =
            u32::try_from(midnight.as_second()).unwrap() + u32::try_from(hour % 24).unwrap() * 3600 + 1800;
        for (tenant, networks) in TENANTS.into_iter().filter(|(tenant, _)| *tenant != EMPTY) {
            for network in networks {
                let mut flows = Vec::new();
                for host in 1..=HOSTS {
                    let address = [192, 168, *network, host];
                    let n = u64::from(*network) * 1_000 + u64::from(host) * 77_777 + hour as u64;
                    let is_last = hour + 1 == hours && host == HOSTS;
                    let octets = match tenant {
                        "31" if is_last => rest,
                        "31" => TOTAL_31 / (hours as u64 * u64::from(HOSTS)) - 250_000 + n,
                        _ => n * 13,
                    };
                    if tenant == "31" {
                        rest -= octets;
                    }
                    let packets = octets / 1000 + 1;
                    let outside = [203, 0, 113, host];
                    flows.push(flow(outside, address, octets, packets));
                    flows.push(flow(address, outside, octets / 20, packets));
                    if !lost.contains(&datagrams) {
                        let sum = truth.entry(tenant).or_default().entry(address).or_default();
                        *sum = [sum[0] + octets, sum[1] + packets, sum[2] + 1];
                    }
                }
                if !lost.contains(&datagrams) {
                    capture.add(at_s, [192, 168, 255, 1], &netflow::v5_at(at_s, sequence, &flows));
                }
                sequence += u32::from(HOSTS) * 2;
                datagrams += 1;
            }
        }
    }
    (capture.0, truth)
}

/// The building: its tenants and who is written to, as the document's `cron.monthly/rent-acc` says, and a manager.
fn building(mail: &str) -> String {
    let mut text = format!(
        "[mail]\nfrom = \"Network <admin@domain.example>\"\nmanager = [\"manager@company.example\"]\n{mail}\n"
    );
    for (tenant, networks) in TENANTS {
        let networks: Vec<String> = networks.iter().map(|n| format!("\"192.168.{n}.0/24\"")).collect();
        let mail = match tenant {
            "31" => "\"rentuser@example.com\", \"Admin <admin@domain.example>\"".to_owned(),
            "3233" => "\"rentuser2@foobar.example\"".to_owned(),
            other => format!("\"rent{other}@example.com\""),
        };
        text += &format!(
            "\n[[tenant]]\nname = \"{tenant}\"\nnetworks = [{}]\nmail = [{mail}]\n",
            networks.join(", ")
        );
    }
    text
}

/// A building with a month of traffic in its store.
fn building_with_traffic(mail: &str, lost: &[usize]) -> (Place, Truth) {
    let place = Place::with(&building(mail));
    let (capture, truth) = export(&last_month().1, lost);
    place.write("export.pcap", capture);
    place.done("import export.pcap");
    (place, truth)
}

/// Octets as the document's mail says them: in MB of a million, three digits behind the point, the last rounded half up.
fn megabytes(octets: u64) -> String {
    let thousandths = (octets + 500) / 1000;
    format!("{}.{:03} MB", thousandths / 1000, thousandths % 1000)
}

fn came(truth: &Truth, tenant: &str) -> u64 {
    truth.get(tenant).map_or(0, |hosts| hosts.values().map(|sum| sum[0]).sum())
}

/// aiosmtpd, until it is dropped.
struct Aiosmtpd {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for Aiosmtpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Aiosmtpd {
    /// With TLS and a password if `more` names certificate, key, user and password.
    fn start(test: &str, place: &Place, more: &[&str]) -> Option<Self> {
        let has_it = |python: &PathBuf| {
            let asked = Command::new(python).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
            asked.is_ok_and(|status| status.success())
        };
        // Debian's package is for Debian's Python.
        let known = ["/usr/bin/python3".into(), weir_testkit::program("python3").unwrap_or_default()];
        let Some(python) = known.into_iter().find(has_it) else {
            weir_testkit::skip(test, "aiosmtpd is not installed (python3-aiosmtpd)");
            return None;
        };
        let folder = place.path("received");
        std::fs::create_dir(&folder).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/smtpd.py");
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(&folder)
            .args(more)
            .current_dir(place.path("."))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap(), folder })
    }

    /// What it has taken, in order.
    fn received(&self) -> Vec<Value> {
        let read = |n: usize| std::fs::read(self.folder.join(format!("{n}.json"))).ok();
        (1..).map_while(read).map(|json| serde_json::from_slice(&json).unwrap()).collect()
    }
}

/// A certificate of an authority of our own, and a password in a file.
fn certificate(test: &str, place: &Place) -> Option<()> {
    if weir_testkit::program("openssl").is_none() {
        weir_testkit::skip(test, "openssl is not installed");
        return None;
    }
    let script = "set -e
        new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
        openssl req -x509 $new -days 30 -keyout ca.key -out ca.pem -subj /CN=ca 2>/dev/null
        openssl req $new -keyout server.key -out server.csr -subj /CN=localhost 2>/dev/null
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out server.pem 2>/dev/null
        umask 077; echo 'a secret' > password";
    assert!(
        Command::new("sh").arg("-c").arg(script).current_dir(place.path(".")).status().unwrap().success()
    );
    Some(())
}

#[test]
fn document_000_from_end_to_end() {
    let test = "document_000_from_end_to_end";
    let (place, truth) = building_with_traffic("server = \"localhost\"", &[]);
    assert_eq!(came(&truth, "31"), TOTAL_31);
    if certificate(test, &place).is_none() {
        return;
    }
    let Some(smtpd) = Aiosmtpd::start(test, &place, &["server.pem", "server.key", "weir", "a secret"]) else {
        return;
    };
    let mail = format!(
        "server = \"localhost:{}\"\nuser = \"weir\"\npassword_file = \"password\"\nca_file = \"ca.pem\"\nattach = [\"pdf\", \"csv\", \"json\"]",
        smtpd.port
    );
    place.write("weir.toml", format!("[store]\npath = \"store\"\n{}", building(&mail)));
    // As cron calls it: three times, and once with another address for all.
    let answer = place.json("mail --period last -o json");
    assert_eq!(answer["letters"].as_array().unwrap().len(), 9);
    let again = place.weir("mail --period last");
    assert_eq!((again.code, again.out.as_str()), (Some(0), ""), "{}", again.err);
    assert!(again.err.contains("9 letters of"), "{}", again.err);
    place.done("mail");

    let received = smtpd.received();
    let mut recipients: Vec<&str> = received.iter().map(|one| one["to"][0].as_str().unwrap()).collect();
    recipients.sort_unstable();
    // Not one to "31", which the document's script wrote to, and none twice.
    let expected = [
        "admin@domain.example",
        "manager@company.example",
        "rent34@example.com",
        "rent35@example.com",
        "rent3637@example.com",
        "rent38@example.com",
        "rent39@example.com",
        "rentuser2@foobar.example",
        "rentuser@example.com",
    ];
    assert_eq!(recipients, expected);
    let (month, _) = last_month();
    for one in &received {
        assert_eq!((&one["from"], &one["user"]), (&"admin@domain.example".into(), &"weir".into()));
        assert_eq!(
            (&one["encrypted"], &one["defects"]),
            (&true.into(), &Value::Array(Vec::new())),
            "{one:#}"
        );
        assert_eq!(one["to"].as_array().unwrap().len(), 1);
        assert!(one["headers"]["Subject"].as_str().unwrap().contains(&month), "{one:#}");
    }
    for (tenant, _) in TENANTS {
        let to = match tenant {
            "31" => "rentuser@example.com".to_owned(),
            "3233" => "rentuser2@foobar.example".to_owned(),
            other => format!("rent{other}@example.com"),
        };
        tenants_mail(to_whom(&received, &to), tenant, &truth);
    }
    // Both addresses of a tenant get the same message, which names both.
    let [one, other] = ["rentuser@example.com", "admin@domain.example"].map(|to| to_whom(&received, to));
    assert_eq!((&one["headers"], &one["plain"]), (&other["headers"], &other["plain"]));
    assert_eq!(one["headers"]["To"], "rentuser@example.com, Admin <admin@domain.example>");
    let summary = to_whom(&received, "manager@company.example");
    let text = summary["plain"].as_str().unwrap();
    for (tenant, _) in TENANTS {
        assert!(
            text.lines().any(|line| line.split_whitespace().next() == Some(tenant)),
            "{tenant} in {text}"
        );
    }
    assert_eq!(trail(&place, "send"), 9);
}

fn to_whom<'a>(received: &'a [Value], to: &str) -> &'a Value {
    received.iter().find(|one| one["to"][0] == to).unwrap_or_else(|| panic!("nothing to {to}"))
}

/// What a tenant's mail must say: the document's first line, and its table of hosts.
fn tenants_mail(mail: &Value, tenant: &str, truth: &Truth) {
    let subject = mail["headers"]["Subject"].as_str().unwrap();
    assert!(subject.contains(&format!("of {tenant},")), "{subject}");
    let text = mail["plain"].as_str().unwrap();
    let first = format!("Total incoming: {}", megabytes(came(truth, tenant)));
    // Only that nothing was seen comes before.
    let notice = "! No traffic was seen in this period.";
    let lines: Vec<&str> =
        text.lines().filter(|line| !(tenant == EMPTY && (*line == notice || line.is_empty()))).collect();
    assert_eq!(lines.first(), Some(&first.as_str()), "{tenant}");
    assert_eq!(subject.contains("no traffic"), tenant == EMPTY, "{subject}");
    assert!(!subject.contains("missing"), "{subject}");
    for (address, sums) in truth.get(tenant).into_iter().flatten() {
        let address = address.map(|octet| octet.to_string()).join(".");
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(&address));
        let line = line.unwrap_or_else(|| panic!("no host {address} in {text}"));
        let numbers: Vec<u64> =
            line.split_whitespace().filter_map(|cell| cell.replace(',', "").parse().ok()).collect();
        let [octets, packets, flows] = *sums;
        assert!(numbers.starts_with(&[flows, octets, packets]), "{address}: {sums:?} in {line}");
    }
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains(&megabytes(came(truth, tenant))) || html.contains("&nbsp;MB"), "{tenant}");
    let attachments = mail["attachments"].as_array().unwrap();
    let names: Vec<&str> = attachments.iter().map(|one| one["name"].as_str().unwrap()).collect();
    let (month, _) = last_month();
    assert_eq!(names, [".pdf", ".csv", ".json"].map(|end| format!("{tenant}-{month}{end}")));
    let pdf = attachments[0]["base64"].as_str().unwrap();
    assert!(pdf.starts_with("JVBERi"), "%PDF in base64");
}

/// How many entries of a kind the audit trail has, by SQLite itself.
fn trail(place: &Place, what: &str) -> usize {
    let script = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('select count(*) from audit where what = ?', [sys.argv[2]]).fetchone()[0])";
    let counted = sqlite(place, script, &[what]);
    counted.trim().parse().unwrap()
}

/// Runs a script of Python over the books.
fn sqlite(place: &Place, script: &str, more: &[&str]) -> String {
    let books = place.path("store/books.sqlite");
    let run = Command::new("python3").args(["-c", script]).arg(books).args(more).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// What `weir mail --status` says of a recipient.
fn status(place: &Place, recipient: &str) -> Value {
    let all = place.json("mail --status -o json");
    let letters = all["letters"].as_array().unwrap();
    letters
        .iter()
        .find(|one| one["recipient"] == recipient)
        .unwrap_or_else(|| panic!("no {recipient}"))
        .clone()
}

/// `tls = "none"` to a server of the test.
fn plain(server: &Server) -> String {
    format!("server = \"{}\"\ntls = \"none\"", server.to)
}

#[test]
fn one_who_is_refused_or_busy_holds_up_nobody() {
    let server = Server::start(|to, times| match (to, times) {
        ("rent34@example.com", _) => Answer::ToRecipient("550 5.1.1 <rent34@example.com>: no such user"),
        ("rent35@example.com", _) => Answer::ToLetter("554 5.7.1 looks like spam"),
        ("rent38@example.com", 0) => Answer::ToRecipient("451 4.7.1 greylisted, come back later"),
        ("rent39@example.com", 0) => Answer::HangUp,
        _ => Answer::Take,
    });
    let (place, _) = building_with_traffic(&plain(&server), &[]);
    let answer = place.weir("mail --period last");
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    assert!(answer.err.contains("4 of 9 letters not sent"), "{}", answer.err);
    assert!(answer.err.contains("550 5.1.1 <rent34@example.com>: no such user"), "{}", answer.err);
    let expect = |recipient: &str, state: &str, reply: &str| {
        let one = status(&place, recipient);
        assert_eq!((&one["state"], &one["reply"]), (&state.into(), &reply.into()), "{recipient}");
        one
    };
    expect("rent34@example.com", "failed", "550 5.1.1 <rent34@example.com>: no such user");
    expect("rent35@example.com", "failed", "554 5.7.1 looks like spam");
    let busy = expect("rent38@example.com", "queued", "451 4.7.1 greylisted, come back later");
    assert_eq!(busy["next_ms"].as_i64().unwrap() - busy["since_ms"].as_i64().unwrap(), 60_000);
    expect("rentuser@example.com", "sent", "250 2.0.0 Ok: queued as 4711");
    expect("manager@company.example", "sent", "250 2.0.0 Ok: queued as 4711");
    // What is not due yet is not tried; what failed is not tried at all.
    let before = server.tries().len();
    assert_eq!(place.weir("mail --period last").code, Some(0));
    assert_eq!(server.tries().len(), before);
    // Until somebody asks for it: greylisted, and the one that was cut off, are sent; the server still refuses the others.
    assert_eq!(place.weir("mail --retry").code, Some(1));
    expect("rent38@example.com", "sent", "250 2.0.0 Ok: queued as 4711");
    expect("rent39@example.com", "sent", "250 2.0.0 Ok: queued as 4711");
    expect("rent34@example.com", "failed", "550 5.1.1 <rent34@example.com>: no such user");
    let taken = server.taken();
    for recipient in
        ["rent38@example.com", "rent39@example.com", "rentuser@example.com", "manager@company.example"]
    {
        assert_eq!(taken.iter().filter(|to| *to == recipient).count(), 1, "{recipient}");
    }
    // What it took and did not say so for came twice, and is one message.
    let twice: Vec<_> =
        server.letters().into_iter().filter(|letter| letter.to == "rent39@example.com").collect();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0].text, twice[1].text);
    assert_eq!((trail(&place, "send"), trail(&place, "fail to send")), (7, 4));
}

/// The report of a mail server about a letter, as Python's mail package writes it.
const REPORT: &str = "
import sys
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
message_id, action, recipient = sys.argv[1:]
report = MIMEMultipart('report', **{'report-type': 'delivery-status'})
report['Subject'] = 'Undelivered Mail Returned to Sender'
report.attach(MIMEText('I am sorry to have to inform you', _charset='utf-8'))
about, to = Message(), Message()
about['Reporting-MTA'] = 'dns; mx.example.com'
to['Final-Recipient'] = 'rfc822; ' + recipient
to['Action'] = action
to['Status'] = '5.2.2'
to['Diagnostic-Code'] = 'smtp; 552 5.2.2 mailbox full'
status = Message()
status['Content-Type'] = 'message/delivery-status'
status.set_payload([about, to])
report.attach(status)
head = Message()
head['Content-Type'] = 'text/rfc822-headers'
head.set_payload('Message-ID: ' + message_id + '\\nSubject: a statement\\n')
report.attach(head)
print(report.as_string())
";

#[test]
fn what_comes_back_is_noted() {
    let server = Server::start(|_, _| Answer::Take);
    let (place, _) = building_with_traffic(&plain(&server), &[]);
    place.done("mail --period last");
    let recipient = "rent34@example.com";
    let sent = status(&place, recipient);
    assert_eq!(sent["state"], "sent");
    let id = sent["message_id"].as_str().unwrap();
    let tell = |id: &str, action: &str, recipient: &str| {
        let report = Command::new("python3").args(["-c", REPORT, id, action, recipient]).output().unwrap();
        assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
        place.write("report.eml", report.stdout);
        let report = std::fs::File::open(place.path("report.eml")).unwrap();
        let said = place.command("mail --bounced -o json").stdin(report).output().unwrap();
        (said.status.code(), String::from_utf8(said.stdout).unwrap(), String::from_utf8(said.stderr).unwrap())
    };
    // Late is not lost.
    let (code, _, err) = tell(id, "delayed", recipient);
    assert!(code == Some(0) && err.contains("is said to be delayed: nothing is changed"), "{err}");
    assert_eq!(status(&place, recipient), sent);
    for _ in 0..2 {
        let (code, out, err) = tell(id, "failed", "Rent34@example.com");
        assert_eq!(code, Some(0), "{err}");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (&told["letters"][0]["recipient"], &told["letters"][0]["state"]),
            (&recipient.into(), &"failed".into())
        );
    }
    let back = status(&place, recipient);
    assert_eq!(
        (&back["state"], &back["reply"]),
        (&"failed".into(), &"came back: 5.2.2 552 5.2.2 mailbox full".into())
    );
    assert_eq!(trail(&place, "come back"), 1, "told twice, noted once");
    // Its text is gone: it is not tried again, but written anew when somebody asks.
    let before = server.tries().len();
    place.done("mail --retry");
    assert_eq!(server.tries().len(), before);
    assert!(
        place
            .done(&format!(
                "mail {} --period last --to {recipient} --again",
                sent["tenant"].as_str().unwrap()
            ))
            .contains("sent")
    );
    let (code, _, err) = tell("<other@example.org>", "failed", recipient);
    assert!(
        code == Some(1) && err.contains("no letter of this store has the Message-ID <other@example.org>"),
        "{err}"
    );
    let nothing = place.command("mail --bounced").stdin(std::process::Stdio::null()).output().unwrap();
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no report of a mail server"));
}

#[test]
fn killed_while_the_server_has_it_sends_it_again_by_the_same_name() {
    let server = Server::start(|to, times| match (to, times) {
        ("rent34@example.com", 0) => Answer::Think(Duration::from_secs(600)),
        _ => Answer::Take,
    });
    let (place, _) = building_with_traffic(&plain(&server), &[]);
    let mut weir = place.command("mail 34 --period last").stderr(Stdio::null()).spawn().unwrap();
    until("the letter", || !server.letters().is_empty());
    weir.kill().unwrap();
    weir.wait().unwrap();
    assert_eq!(status(&place, "rent34@example.com")["state"], "handing");
    let answer = place.weir("mail 34 --period last");
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert!(
        answer.err.contains("may have taken it: it is sent again with the same Message-ID"),
        "{}",
        answer.err
    );
    let letters = server.letters();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].header("Message-ID"), letters[1].header("Message-ID"));
    assert_eq!(letters[0].text, letters[1].text);
    // Again on purpose is another message, in the same conversation.
    place.done("mail 34 --period last --again");
    let letters = server.letters();
    assert_ne!(letters[0].header("Message-ID"), letters[2].header("Message-ID"));
    assert_eq!(letters[0].header("References"), letters[2].header("References"));
}

#[test]
fn a_server_that_is_not_there_is_waited_for_by_the_daemon() {
    // A port that nobody answers on yet.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = closed.local_addr().unwrap();
    drop(closed);
    let (place, _) = building_with_traffic(&format!("server = \"{to}\"\ntls = \"none\""), &[]);
    let answer = place.weir("mail --period last");
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    assert!(answer.err.contains("Connection refused"), "{}", answer.err);
    let all = place.json("mail --status -o json");
    let tries: u64 =
        all["letters"].as_array().unwrap().iter().map(|one| one["tries"].as_u64().unwrap()).sum();
    assert_eq!(tries, 1, "nobody else was tried: {all:#}");
    let server = Server::start_on(std::net::TcpListener::bind(to).unwrap(), |_, _| Answer::Take);
    let daemon = Daemon::start(&place);
    // They are due a minute after the first try; the daemon is told that it is over.
    sqlite(
        &place,
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('update delivery set next_ms = 0'); db.commit()",
        &[],
    );
    until("nine letters", || server.taken().len() == 9);
    until("the log", || daemon.log().contains("sent the summary for"));
    daemon.stop();
    assert_eq!(status(&place, "rent34@example.com")["state"], "sent");
}

#[test]
fn the_schedule_catches_up_what_was_missed_once() {
    let server = Server::start(|_, _| Answer::Take);
    let mail = format!(
        "{}\n\n[[schedule]]\ndo = \"close, mail\"\nperiod = \"last\"\nafter = \"0m\"",
        plain(&server)
    );
    let (place, _) = building_with_traffic(&mail, &[]);
    let daemon = Daemon::start(&place);
    until("the schedule", || daemon.log().contains("schedule: close, mail of last after 0m; next at "));
    daemon.stop();
    assert_eq!(server.tries().len(), 0, "the last month was over before anybody asked for this");
    // As if the daemon had been down since before the month ended.
    sqlite(
        &place,
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('update job set done_ms = done_ms - 31 * 86400000'); db.commit()",
        &[],
    );
    for _ in 0..2 {
        let daemon = Daemon::start(&place);
        until("nine letters", || server.taken().len() == 9);
        daemon.stop();
    }
    assert_eq!(place.weir("mail --period last").code, Some(0));
    assert_eq!(server.tries().len(), 9);
    assert_eq!((trail(&place, "schedule"), trail(&place, "close")), (1, 1));
}

#[test]
fn what_is_missing_is_said_in_the_subject() {
    let server = Server::start(|_, _| Answer::Take);
    // The 100th datagram never came.
    let (place, truth) = building_with_traffic(&plain(&server), &[99]);
    place.done("mail 34 --period last");
    let letters = server.letters();
    assert!(letters[0].header("Subject").contains("(data is missing)"), "{}", letters[0].text);
    let first = format!("Total incoming: {}", megabytes(came(&truth, "34")));
    assert!(letters[0].text.contains(&first), "{}", letters[0].text);
}

#[test]
fn a_closed_statement_is_sent_as_it_was_closed() {
    let server = Server::start(|_, _| Answer::Take);
    let late = 99;
    let (place, truth) = building_with_traffic(&plain(&server), &[late]);
    place.done("close --period last");
    // Then the datagram comes after all: eight records of tenant 34.
    let days = last_month().1;
    let others: Vec<usize> = (0..days.len() * 24 * 8).filter(|n| *n != late).collect();
    let (capture, came_late) = export(&days, &others);
    place.write("late.pcap", capture);
    assert_eq!(place.json("import -o json late.pcap")["records"], 8);
    assert!(came(&came_late, "34") > 1_000_000);
    place.done("mail 34 --period last");
    let text = server.letters().remove(0).text;
    assert!(text.contains(&format!("Total incoming: {}", megabytes(came(&truth, "34")))), "{text}");
    assert!(text.contains("(data is missing)"), "{text}");
}

#[test]
fn a_preview_sends_nothing() {
    let server = Server::start(|_, _| Answer::Take);
    let (place, truth) = building_with_traffic(&plain(&server), &[]);
    let (month, _) = last_month();
    let said = place.done("mail --preview=letters --period last");
    assert_eq!(said.lines().count(), 8, "{said}");
    let letter = std::fs::read_to_string(place.path(&format!("letters/3233-{month}.eml"))).unwrap();
    assert!(letter.contains("To: rentuser2@foobar.example\r\n"), "{letter}");
    assert!(place.path(&format!("letters/summary-{month}.eml")).is_file());
    let mbox = place.done("mail 3233 31 --preview --period last --to me@example.org");
    assert_eq!(mbox.lines().filter(|line| line.starts_with("From weir ")).count(), 2);
    assert_eq!(mbox.lines().filter(|line| *line == "To: me@example.org").count(), 2);
    assert!(mbox.contains(&format!("Total incoming: {}", megabytes(came(&truth, "3233")))), "{mbox}");
    assert!(server.tries().is_empty() && !place.path("store/books.sqlite").exists());
}

#[test]
fn what_cannot_be_sent_is_said() {
    let server = Server::start(|_, _| Answer::Take);
    let (place, _) = building_with_traffic(&plain(&server), &[]);
    for (line, code, part) in [
        ("mail --period this", 1, "a statement is sent once: send it then, or look at it now with --preview"),
        ("mail 323 --period last", 1, "the configuration has no tenant \"323\"; did you mean 3"),
        ("mail --to 31", 2, "\"31\" is no address that mail can be sent to"),
        ("mail --retry --again", 2, "cannot be used with"),
        ("mail -o parquet", 2, "no answer in columns"),
    ] {
        let said = place.fails(line, code);
        assert!(said.contains(part), "weir {line}: {said}");
    }
    assert!(server.tries().is_empty());
    let without = Place::new();
    assert!(without.fails("mail", 1).contains("add [mail] with from"));
    // Nothing was sent yet: nothing to show.
    assert_eq!(place.done("mail --status"), "");
    // A password that others may read is not used.
    place.write("password", "secret");
    let mail = format!(
        "server = \"127.0.0.1:{}\"\ntls = \"none\"\nuser = \"weir\"\npassword_file = \"password\"",
        server.to.port()
    );
    place.write("weir.toml", format!("[store]\npath = \"store\"\n{}", building(&mail)));
    let answer = place.weir("mail 34 --period last");
    assert!(answer.err.contains("others may read or write it; chmod 600 it"), "{}", answer.err);
    assert!(!place.done("check --dump").contains("secret"));
    assert_eq!(status(&place, "rent34@example.com")["state"], "queued");
}
