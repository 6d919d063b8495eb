//! `[mail]`: who sends statements, by which server, and what is put into a letter.

use super::dump::{list, quote};
use super::read::{Reader, Table};
use lettre::message::Mailbox;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

const KEYS: [&str; 13] = [
    "from",
    "reply_to",
    "server",
    "tls",
    "user",
    "password_file",
    "ca_file",
    "hello",
    "sendmail",
    "manager",
    "attach",
    "html",
    "give_up_days",
];
/// What only a server has.
const OF_A_SERVER: [&str; 5] = ["tls", "user", "password_file", "ca_file", "hello"];
/// RFC 5321 §4.5.4.1: at least four or five days.
const GIVE_UP_DAYS_DEFAULT: u32 = 5;

/// How statements are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// Who they are from.
    pub(crate) from: Mailbox,
    /// Where answers go, if not there.
    pub(crate) reply_to: Option<Mailbox>,
    pub(crate) way: Way,
    /// Who gets the summary.
    pub(crate) manager: Vec<Mailbox>,
    /// What is attached.
    pub(crate) attach: Vec<Attach>,
    /// Whether the text is there as HTML, too.
    pub(crate) html: bool,
    /// After so many days nothing is tried any more.
    pub(crate) give_up_days: u32,
}

/// To whom letters are handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// A mail server, by SMTP.
    Server(Server),
    /// A program that takes them as sendmail does.
    Sendmail(PathBuf),
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    /// Who we say we are.
    pub(crate) login: Option<Login>,
    /// Only this authority is believed, PEM; else those that the machine believes.
    pub(crate) ca_file: Option<PathBuf>,
    /// The name by which we greet; else the machine's.
    pub(crate) hello: Option<String>,
}

/// A user of the server. The password stands in a file, so that it is in no dump of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password_file: PathBuf,
}

/// How the way to the server is kept from others' eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// TLS is asked for in the conversation, and nothing is sent without it (RFC 3207).
    StartTls,
    /// TLS from the beginning (RFC 8314).
    Tls,
    /// Nothing.
    None,
}

impl Security {
    const WORDS: [(&str, Self); 3] = [("starttls", Self::StartTls), ("tls", Self::Tls), ("none", Self::None)];

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }

    /// The port that is usual for it.
    fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A form in which a statement is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attach {
    Pdf,
    Csv,
    Json,
}

impl Attach {
    const ALL: [Self; 3] = [Self::Pdf, Self::Csv, Self::Json];

    /// The word in `attach`, and behind the point of the file's name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

impl Mail {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[mail]\nfrom = {}", quote(&self.from.to_string()))?;
        if let Some(reply_to) = &self.reply_to {
            writeln!(out, "reply_to = {}", quote(&reply_to.to_string()))?;
        }
        match &self.way {
            Way::Sendmail(path) => writeln!(out, "sendmail = {}", quote(&path.to_string_lossy()))?,
            Way::Server(server) => server.write(out)?,
        }
        let manager: Vec<String> = self.manager.iter().map(Mailbox::to_string).collect();
        let attach: Vec<String> = self.attach.iter().map(|form| form.word().to_owned()).collect();
        writeln!(out, "manager = {}\nattach = {}\nhtml = {}", list(&manager), list(&attach), self.html)?;
        writeln!(out, "give_up_days = {}", self.give_up_days)
    }
}

impl Server {
    fn write(&self, out: &mut String) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let server = quote(&format!("{host}:{}", self.port));
        writeln!(out, "server = {server}\ntls = \"{}\"", self.security.word())?;
        if let Some(Login { user, password_file }) = &self.login {
            let file = quote(&password_file.to_string_lossy());
            writeln!(out, "user = {}\npassword_file = {file}", quote(user))?;
        }
        if let Some(path) = &self.ca_file {
            writeln!(out, "ca_file = {}", quote(&path.to_string_lossy()))?;
        }
        if let Some(hello) = &self.hello {
            writeln!(out, "hello = {}", quote(hello))?;
        }
        Ok(())
    }
}

impl Reader {
    /// `[mail]`; `None` where it is not there, or so wrong that nothing can be sent.
    pub(super) fn mail(&mut self, table: Table<'_>, at: Range<usize>) -> Option<Mail> {
        self.keys(table, "[mail]", &KEYS);
        let from = self.string(table, "from").and_then(|(text, place)| self.mailbox(text, place));
        if !table.contains_key("from") {
            self.missing(at.clone(), "[mail]", "from", "from = \"Accounts <accounts@example.org>\"");
        }
        let reply_to = self.string(table, "reply_to").and_then(|(text, place)| self.mailbox(text, place));
        let manager = self.mailboxes(table, "manager");
        let attach = self.attach(table);
        let html = table.get("html").is_none() || self.boolean(table, "html");
        let days = self.number(table, "give_up_days", 1, 30, "5 is what is taken without it");
        let way = self.way(table, at);
        Some(Mail {
            from: from?,
            reply_to,
            way: way?,
            manager,
            attach,
            html,
            give_up_days: days.and_then(|n| u32::try_from(n).ok()).unwrap_or(GIVE_UP_DAYS_DEFAULT),
        })
    }

    fn way(&mut self, table: Table<'_>, at: Range<usize>) -> Option<Way> {
        let Some((path, place)) = self.string(table, "sendmail") else {
            if !table.contains_key("server") && !table.contains_key("sendmail") {
                let example = "server = \"smtp.example.org:587\", or sendmail = \"/usr/sbin/sendmail\"";
                self.missing(at, "[mail]", "server", example);
            }
            return self.server(table).map(Way::Server);
        };
        if table.contains_key("server") {
            self.note(place, "sendmail beside server: it is not clear who is to send", "take one out");
            return None;
        }
        for key in OF_A_SERVER {
            if let Some(value) = table.get(key) {
                let cure = "take it out, or write server = \"smtp.example.org:587\" instead of sendmail";
                self.note(value.span(), format!("{key} without server"), cure);
            }
        }
        Some(Way::Sendmail(path.into()))
    }

    fn server(&mut self, table: Table<'_>) -> Option<Server> {
        let security = self.word(table, "tls", &Security::WORDS).unwrap_or(Security::StartTls);
        let ca_file = self.string(table, "ca_file");
        if let (Some((_, place)), Security::None) = (&ca_file, security) {
            self.note(place.clone(), "ca_file with tls = \"none\"", "take one of them out");
        }
        let hello = self.string(table, "hello").map(|(name, _)| name.to_owned());
        let (text, place) = self.string(table, "server")?;
        let Some((host, port)) = host_and_port(text, security.port()) else {
            let cure = "write a name and a port, as \"smtp.example.org:587\"";
            self.note(place, format!("\"{text}\" is no mail server"), cure);
            return None;
        };
        let login = self.login(table, security, &host);
        let ca_file = ca_file.map(|(path, _)| path.into());
        Some(Server { host, port, security, login, ca_file, hello })
    }

    fn login(&mut self, table: Table<'_>, security: Security, host: &str) -> Option<Login> {
        let (user, file) = (self.string(table, "user"), self.string(table, "password_file"));
        let (user, file) = match (user, file) {
            (Some(user), Some(file)) => (user, file),
            (Some((_, place)), None) => {
                self.note(place, "user without password_file", "name the file that holds the password");
                return None;
            }
            (None, Some((_, place))) => {
                self.note(place, "password_file without user", "write user = \"…\", or take it out");
                return None;
            }
            (None, None) => return None,
        };
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if security == Security::None && !is_here {
            let cure = "write tls = \"starttls\" or \"tls\", or take user out";
            self.note(user.1, "user with tls = \"none\": the password could be read on the way", cure);
        }
        Some(Login { user: user.0.to_owned(), password_file: file.0.into() })
    }

    fn attach(&mut self, table: Table<'_>) -> Vec<Attach> {
        let mut forms = Vec::new();
        for (text, place) in self.strings(table, "attach") {
            match Attach::ALL.into_iter().find(|form| form.word() == text) {
                Some(form) if forms.contains(&form) => {
                    self.note(place, format!("\"{text}\" is attached twice"), "take one out");
                }
                Some(form) => forms.push(form),
                None => {
                    let cure = "write attach = [\"pdf\", \"csv\"], or \"json\"";
                    self.note(place, format!("a statement cannot be attached as \"{text}\""), cure);
                }
            }
        }
        forms
    }

    /// A list of addresses that mail can be sent to, each once.
    pub(super) fn mailboxes(&mut self, table: Table<'_>, key: &str) -> Vec<Mailbox> {
        let mut boxes: Vec<Mailbox> = Vec::new();
        for (text, place) in self.strings(table, key) {
            let Some(mailbox) = self.mailbox(text, place.clone()) else { continue };
            if boxes.iter().any(|known| known.email == mailbox.email) {
                self.note(place, format!("{} is named twice", mailbox.email), "take one out");
            } else {
                boxes.push(mailbox);
            }
        }
        boxes
    }

    fn mailbox(&mut self, text: &str, place: Range<usize>) -> Option<Mailbox> {
        let mailbox: Option<Mailbox> = text.parse().ok();
        if mailbox.is_none() {
            let cure = "write name@example.org, or \"A Name <name@example.org>\"";
            self.note(place, format!("\"{text}\" is no address that mail can be sent to"), cure);
        }
        mailbox
    }
}

/// `name:port`, `name`, `[address]:port` or an address.
fn host_and_port(text: &str, port: u16) -> Option<(String, u16)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_string(), port));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) => (host, digits.parse().ok().filter(|port| *port > 0)?),
        None => (text, port),
    };
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<IpAddr>().ok().map(|address| (address.to_string(), port));
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    (!host.is_empty() && host.chars().all(is_name)).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, mistake, read};
    use super::*;
    use std::path::Path;

    fn mistakes(text: &str) -> Vec<String> {
        let mistakes = read(text).unwrap_err();
        mistake::render(Path::new("w"), text, &mistakes).lines().map(str::to_owned).collect()
    }

    fn mail(text: &str) -> Mail {
        read(text).unwrap().mail.unwrap()
    }

    const WHOLE: &str = r#"
[mail]
from = "Hausverwaltung <netz@example.org>"
reply_to = "office@example.org"
server = "smtp.example.org"
user = "weir"
password_file = "/etc/weir/mail.password"
ca_file = "/etc/weir/ca.pem"
hello = "weir.example.org"
manager = ["Die Leitung <manager@example.org>", "second@example.org"]
attach = ["pdf", "csv"]
html = false
give_up_days = 2

[[tenant]]
name = "acme"
networks = ["192.0.2.0/24"]
mail = ["Anna Müller <anna@example.com>", "bob@example.com"]
"#;

    #[test]
    fn the_whole_table_is_understood_and_dumped() {
        let config = read(WHOLE).unwrap();
        let understood = config.mail.clone().unwrap();
        let Way::Server(server) = &understood.way else { panic!("a server") };
        assert_eq!(
            (server.host.as_str(), server.port, server.security),
            ("smtp.example.org", 587, Security::StartTls)
        );
        assert_eq!(server.login.as_ref().unwrap().password_file, Path::new("/etc/weir/mail.password"));
        assert_eq!((understood.html, understood.give_up_days), (false, 2));
        assert_eq!(understood.manager[0].email.to_string(), "manager@example.org");
        assert_eq!(understood.attach, [Attach::Pdf, Attach::Csv]);
        let again = read(&config.dump()).unwrap();
        assert_eq!(again.mail, config.mail);
        assert_eq!(again.dump(), config.dump());
        assert_eq!(again.tenants.get("acme").unwrap().mail, config.tenants.get("acme").unwrap().mail);
    }

    #[test]
    fn the_example_of_the_page_is_understood() {
        let page = include_str!("../../../../docs/mail.md");
        let (example, _) = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap();
        let config = read(example).unwrap();
        assert_eq!(config.schedules[0].to_string(), "mail of last on 1st 06:00");
        assert_eq!(
            config.tenants.get("31").unwrap().mail,
            ["rentuser@example.com", "Admin <admin@domain.example>"]
        );
        assert_eq!(read(&config.dump()).unwrap().dump(), config.dump());
    }

    #[test]
    fn servers_and_ports() {
        let server = |line: &str| match mail(&format!("[mail]\nfrom = \"a@b.org\"\n{line}\n")).way {
            Way::Server(server) => (server.host, server.port),
            Way::Sendmail(path) => (path.display().to_string(), 0),
        };
        let expect = |line, host: &str, port| assert_eq!(server(line), (host.to_owned(), port), "{line}");
        expect("server = \"mail\"\ntls = \"tls\"", "mail", 465);
        expect("server = \"127.0.0.1\"\ntls = \"none\"", "127.0.0.1", 25);
        expect("server = \"[2001:db8::1]:2525\"", "2001:db8::1", 2525);
        expect("server = \"2001:db8::1\"", "2001:db8::1", 587);
        expect("sendmail = \"/usr/sbin/sendmail\"", "/usr/sbin/sendmail", 0);
        let dumped = mail("[mail]\nfrom = \"a@b.org\"\nserver = \"[2001:db8::1]:2525\"\n");
        let config = Config { mail: Some(dumped.clone()), ..Config::default() };
        assert_eq!(mail(&config.dump()), dumped);
    }

    #[test]
    fn mistakes_about_mail() {
        // What the script of the seed did: a number among the addresses.
        let text = "[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\nmail = [\"31\", \"a@example.com\", \"a@example.com\"]\n";
        assert_eq!(
            mistakes(text),
            [
                "w:4: \"31\" is no address that mail can be sent to; write name@example.org, or \"A Name <name@example.org>\"",
                "w:4: a@example.com is named twice; take one out",
            ]
        );
        let text = "[mail]\nsendmail = \"/s\"\nuser = \"u\"\nattach = [\"doc\"]\n";
        assert_eq!(
            mistakes(text),
            [
                "w:1: [mail] has no from; add from = \"Accounts <accounts@example.org>\"",
                "w:3: user without server; take it out, or write server = \"smtp.example.org:587\" instead of sendmail",
                "w:4: a statement cannot be attached as \"doc\"; write attach = [\"pdf\", \"csv\"], or \"json\"",
            ]
        );
        let one = |rest: &str| mistakes(&format!("[mail]\nfrom = \"a@b.org\"\n{rest}"));
        assert_eq!(
            one(""),
            [
                "w:1: [mail] has no server; add server = \"smtp.example.org:587\", or sendmail = \"/usr/sbin/sendmail\""
            ]
        );
        assert_eq!(
            one("server = \"smtp.example.org:x\"\n"),
            [
                "w:3: \"smtp.example.org:x\" is no mail server; write a name and a port, as \"smtp.example.org:587\""
            ]
        );
        assert_eq!(
            one("server = \"mx\"\ntls = \"none\"\nuser = \"u\"\npassword_file = \"p\"\nca_file = \"c\"\n"),
            [
                "w:5: user with tls = \"none\": the password could be read on the way; write tls = \"starttls\" or \"tls\", or take user out",
                "w:7: ca_file with tls = \"none\"; take one of them out",
            ]
        );
        assert_eq!(one("server = \"mx\"\nuser = \"u\"\n").len(), 1);
        assert_eq!(one("server = \"mx\"\nsendmail = \"/s\"\n").len(), 1);
    }
}
