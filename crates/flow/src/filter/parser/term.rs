//! The words a condition begins with.

use super::super::address;
use super::super::expr::{Expr, Set, Test};
use super::super::lexer::{Kind, Token, quote};
use super::super::mistake::nearest_all;
use super::super::range::Ranges;
use super::super::subject::{Domain, Subject};
use super::super::{Mistake, outside, protocol, service, value};
use super::{Parser, file};
use crate::schema::Column;

/// Words that begin a condition and are not subjects.
const LEADING: &[&str] = &[
    "src", "dst", "in", "out", "own", "peer", "local", "remote", "any", "not", "ipv4", "ipv6", "dscp", "icmp",
];

/// What may follow a protocol's name without `and`.
const PROTOCOL_NOUNS: &[&str] = &["src", "dst", "host", "net", "port", "portrange"];

/// Words of other tools and what they are called here.
const MEANT: &[(&str, &str)] = &[
    ("size", "octets"),
    ("rate", "bps"),
    ("router", "exporter"),
    ("ident", "exporter"),
    ("agent", "exporter"),
    ("device", "exporter"),
    ("customer", "tenant"),
    ("client", "tenant"),
    ("sport", "src port"),
    ("dport", "dst port"),
    ("src_ip", "src_addr"),
    ("dst_ip", "dst_addr"),
    ("srcip", "src_addr"),
    ("dstip", "dst_addr"),
    ("input", "in if"),
    ("output", "out if"),
    ("iif", "in if"),
    ("oif", "out if"),
    ("first", "start"),
    ("last", "end"),
];

impl Parser<'_> {
    /// One condition.
    pub(super) fn term(&mut self) -> Result<Expr, Mistake> {
        let token = self.peek().clone();
        match &token.kind {
            Kind::Word => self.words(&token),
            Kind::Quoted(name) => {
                let mistake =
                    Mistake::new(token.place.clone(), "a name needs a word before it that says whose it is");
                Err(mistake.suggest(format!("tenant {}", quote(name))))
            }
            Kind::End => Err(Mistake::new(token.place, "a condition is missing at the end")),
            Kind::Compare(_) => Err(Mistake::new(
                token.place.clone(),
                format!("`{}` has nothing before it to compare", token.text),
            )),
            Kind::BitAnd | Kind::BitOr => Err(self.single_sign()),
            Kind::ListOpen => {
                Err(Mistake::new(token.place, "a list needs words before it, like `port in [80, 443]`"))
            }
            _ => Err(Mistake::new(
                token.place.clone(),
                format!("a condition is missing before `{}`", token.text),
            )),
        }
    }

    /// A condition that begins with this word, which is the next token.
    fn words(&mut self, token: &Token<'_>) -> Result<Expr, Mistake> {
        let word = token.text.to_lowercase();
        // A value belongs to the condition right before it, not to one further back.
        let (last, over) = (self.last.take(), self.over.take());
        if let Some(subject) = subject_alone(token, last) {
            let expr = self.values(subject)?;
            let Some(over) = over.filter(|_| last == Some(subject)) else { return Ok(expr) };
            self.over = Some(over.clone());
            return Ok(over.and(expr));
        }
        self.is_about(&word);
        self.next();
        match word.as_str() {
            "any" | "all" => Ok(Expr::EVERYTHING),
            "src" | "dst" => self.ends(if word == "src" { "src" } else { "dst" }),
            // nfdump's `in src mac`: in front of the router.
            "in" if self.peek_at(1).is("mac") => self.term(),
            "in" | "ingress" => self.qualified("in"),
            "out" if self.peek().is("packets") || self.peek().is("bytes") => {
                self.noun_or_protocol(token, "out")
            }
            "out" | "egress" => self.qualified("out"),
            "own" | "peer" | "local" | "remote" => self.qualified(&word),
            "start" if self.is_civil() => self.term(),
            "end" if self.is_civil() => self.qualified("end"),
            "ipv4" | "ip4" | "inet" => self.family("0.0.0.0/0"),
            "ipv6" | "ip6" | "inet6" => self.family("::/0"),
            "dscp" => self.dscp(),
            _ if file::is_file(token) => self.include(token),
            _ => self.noun_or_protocol(token, &word),
        }
    }

    /// A condition that begins with a noun, a column, a quotient of two or a protocol, which has been read.
    fn noun_or_protocol(&mut self, token: &Token<'_>, word: &str) -> Result<Expr, Mistake> {
        if let Some(expr) = self.foreign(token, word)? {
            return Ok(expr);
        }
        if let Some(subject) = self.quotient(token, word)? {
            return self.values(subject);
        }
        if let Some(subject) = Subject::by_word(word) {
            return self.values(subject);
        }
        match protocol::number(word) {
            Some(number) => self.protocol(number),
            None => Err(self.unknown(token)),
        }
    }

    /// Whether a time of day or a day of the week comes next.
    fn is_civil(&self) -> bool {
        self.peek().is("time") || self.peek().is("weekday")
    }

    /// `octets/packets`, of which the first word has been read, with or without spaces.
    fn quotient(&mut self, token: &Token<'_>, word: &str) -> Result<Option<Subject>, Mistake> {
        let spaced = self.peek().is("/") && self.peek_at(1).kind == Kind::Word;
        let (dividend, divisor, end) = match word.split_once('/') {
            Some((dividend, divisor)) => (dividend, divisor.to_owned(), token.place.end),
            None if spaced => {
                self.next();
                let divisor = self.next();
                (word, divisor.text.to_lowercase(), divisor.place.end)
            }
            None => return Ok(None),
        };
        let [dividend, divisor] = [dividend, &divisor].map(Subject::by_word);
        let (Some(dividend), Some(divisor)) = (dividend, divisor) else { return Ok(None) };
        let mistake = |message: &str| Mistake::new(token.place.start..end, message);
        let column = |column| Subject::column(column);
        match (dividend, divisor) {
            (octets, packets) if octets == column(Column::Octets) && packets == column(Column::Packets) => {
                Ok(Some(Subject::OctetsPerPacket))
            }
            (packets, Subject::Duration) if packets == column(Column::Packets) => {
                Ok(Some(Subject::PacketsPerSecond))
            }
            (octets, Subject::Duration) if octets == column(Column::Octets) => {
                Err(mistake("speeds are in bits a second, which is 8 times the octets").suggest("bps"))
            }
            _ => Err(mistake("nothing is known but `octets/packets`, `packets/duration` and `bps`")),
        }
    }

    /// `src` or `dst`, which has been read, and what follows: `src or dst port 80` is either end, `src and dst`
    /// both.
    fn ends(&mut self, first: &'static str) -> Result<Expr, Mistake> {
        let second = if first == "src" { "dst" } else { "src" };
        let both = matches!(self.peek().kind, Kind::And | Kind::Or) && self.peek_at(1).is(second);
        if !both {
            return self.qualified(first);
        }
        let either = self.next().kind == Kind::Or;
        self.next();
        let at = self.at;
        let one = self.noun(first)?;
        if either {
            return self.values(one.with_other_end());
        }
        if self.peek().kind == Kind::Open {
            // Values are read once for each end; within parentheses that would double with every pair of them.
            let message = "after `src and dst` a list is wanted, like `in [10.0.0.0/8, 192.168.0.0/16]`";
            return Err(Mistake::new(self.peek().place.clone(), message));
        }
        let expr = self.values(one)?;
        self.at = at;
        Ok(expr.and(self.qualified(second)?))
    }

    /// What follows a qualifier: a noun and its values.
    pub(super) fn qualified(&mut self, qualifier: &str) -> Result<Expr, Mistake> {
        let subject = self.noun(qualifier)?;
        self.values(subject)
    }

    /// Remembers by what word a subject was named: for `net` and `group` values are read otherwise.
    fn is_about(&mut self, word: &str) {
        self.nets = word == "net";
        self.groups = word == "group";
    }

    /// The noun after a qualifier. Where an address follows at once, `host` is meant.
    fn noun(&mut self, qualifier: &str) -> Result<Subject, Mistake> {
        let token = self.peek().clone();
        let word = token.text.to_lowercase();
        if token.kind == Kind::Word {
            self.is_about(&word);
            if let Some(subject) = Subject::by_phrase(qualifier, &word) {
                self.next();
                return Ok(subject);
            }
        }
        let is_host = address::looks_like(token.text) || is_dotted_name(&token) || self.is_list_at(0);
        if let Some(subject) = Subject::by_phrase(qualifier, "host").filter(|_| is_host) {
            return Ok(subject);
        }
        let nouns: Vec<&str> = Subject::nouns(qualifier).collect();
        let mistake =
            Mistake::new(token.place.clone(), format!("{} is expected after `{qualifier}`", either(&nouns)));
        let number = token.text.bytes().all(|b| b.is_ascii_digit()) && !token.text.is_empty();
        match (number, nouns.contains(&"port"), nouns.as_slice()) {
            (true, true, _) => Err(mistake.suggest(format!("port {}", token.text))),
            (true, false, [noun]) => Err(mistake.suggest(format!("{noun} {}", token.text))),
            _ => Err(mistake.suggest_maybe(self.fitting(&token, &nouns))),
        }
    }

    /// A protocol by its name alone, and the ports that may follow it: `tcp dst port 80`.
    fn protocol(&mut self, number: u8) -> Result<Expr, Mistake> {
        let proto = test(Column::Proto, number.into(), number.into());
        if protocol::name(number.into()).is_some_and(|name| name.starts_with("icmp")) {
            return self.icmp(proto);
        }
        if number == 6 && self.peek().kind == Kind::ListOpen {
            return self.packet("tcp");
        }
        if PROTOCOL_NOUNS.iter().any(|word| self.peek().is(word)) {
            return self.within(proto);
        }
        Ok(proto)
    }

    /// The condition that comes next, of this protocol or family only; so are the values that follow it alone.
    fn within(&mut self, over: Expr) -> Result<Expr, Mistake> {
        let expr = self.term()?;
        self.over = Some(over.clone());
        Ok(over.and(expr))
    }

    /// `ip6` and the like, and what may follow it as in tcpdump: `ip6 host ::1`, `ip6 proto tcp`, `ip6 multicast`.
    pub(super) fn family(&mut self, prefix: &str) -> Result<Expr, Mistake> {
        let family = family(prefix);
        if self.peek().is("multicast") {
            self.next();
            return self.multicast(prefix);
        }
        if self.peek().is("broadcast") {
            let message = "flows do not say what is a broadcast: ask for its address";
            return Err(Mistake::new(self.peek().place.clone(), message).suggest("and dst 255.255.255.255"));
        }
        let follows = PROTOCOL_NOUNS.iter().chain(&["proto"]).any(|word| self.peek().is(word));
        if follows { self.within(family) } else { Ok(family) }
    }

    /// What is sent to many: a destination in 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291).
    fn multicast(&self, prefix: &str) -> Result<Expr, Mistake> {
        let groups = if prefix.contains(':') { "ff00::/8" } else { "224.0.0.0/4" };
        let place = self.peek().place.clone();
        let token = Token { kind: Kind::Word, text: groups, place };
        let set = value::read(&token, Domain::Addr, self.names)?;
        Ok(Expr::Test(Test { subject: Subject::column(Column::DstAddr), set }))
    }

    /// What may follow `icmp`: `type 3`, `code 1`.
    fn icmp(&mut self, proto: Expr) -> Result<Expr, Mistake> {
        let mut expr = proto;
        if self.peek().kind == Kind::ListOpen {
            return Ok(expr.and(self.packet("icmp")?));
        }
        if self.take_word("type") {
            expr = expr.and(self.values(Subject::column(Column::IcmpType))?);
        }
        if self.take_word("code") {
            expr = expr.and(self.values(Subject::column(Column::IcmpCode))?);
        }
        Ok(expr)
    }

    /// `dscp 46` or `dscp ef` (RFC 2474, 2597, 3246): the six upper bits of `tos`.
    fn dscp(&mut self) -> Result<Expr, Mistake> {
        self.take(&Kind::Compare(super::super::lexer::Comparison::Equal));
        let token = self.next();
        self.last = None;
        match dscp(&token.text.to_lowercase()).filter(|_| token.kind == Kind::Word) {
            Some(point) => Ok(test(Column::Tos, u128::from(point) << 2, (u128::from(point) << 2) | 3)),
            None => Err(Mistake::new(
                token.place,
                "`dscp` needs a code point: 0 to 63, ef, cs0 to cs7 or af11 to af43",
            )),
        }
    }

    /// Whether the next token is a value that needs no words before it here.
    pub(super) fn is_bare_value(&self) -> bool {
        let token = self.peek();
        token.kind == Kind::Word && subject_alone(token, self.last).is_some()
    }

    /// The mistake of a word that begins no condition; it has been read.
    fn unknown(&self, token: &Token<'_>) -> Mistake {
        let word = token.text.to_lowercase();
        let mistake = Mistake::new(token.place.clone(), format!("`{}` is no word of filters", token.text));
        if starts_with_digit(token) && value::means(&word, Domain::Port).is_some() {
            let message = format!("`{}` needs a word before it that says what it is", token.text);
            return Mistake { message, ..mistake }.suggest(format!("port {}", token.text));
        }
        if service::port(&word).is_some() {
            let message = format!("`{}` is the name of a service", token.text);
            return Mistake { message, ..mistake }.suggest(format!("port {}", token.text));
        }
        if let Some((_, meant)) = MEANT.iter().find(|(said, _)| *said == word) {
            return mistake.suggest(*meant);
        }
        if self.names.tenants.iter().any(|name| name == token.text) {
            return mistake.suggest(format!("tenant {}", token.text));
        }
        if self.names.groups.iter().any(|(path, _)| path == token.text) {
            return mistake.suggest(format!("group {}", token.text));
        }
        if self.names.classes.iter().any(|name| name == token.text) {
            return mistake.suggest(format!("class {}", token.text));
        }
        if self.names.exporters.iter().any(|(name, _)| name == token.text) {
            return mistake.suggest(format!("exporter {}", token.text));
        }
        let words: Vec<&str> =
            Subject::words().chain(LEADING.iter().copied()).chain(protocol::names()).collect();
        mistake.suggest_maybe(self.fitting_before(token, &words, self.peek()))
    }

    /// The word nearest to the next token, and of equally near ones that which the token after it suits.
    fn fitting(&self, token: &Token<'_>, words: &[&'static str]) -> Option<&'static str> {
        self.fitting_before(token, words, self.peek_at(1))
    }

    fn fitting_before(
        &self,
        token: &Token<'_>,
        words: &[&'static str],
        next: &Token<'_>,
    ) -> Option<&'static str> {
        let near = nearest_all(token.text, words.iter().copied());
        let suits = |word: &&str| {
            let subject = Subject::by_word(word);
            subject.is_some_and(|subject| value::read(next, subject.domain(), self.names).is_ok())
        };
        near.iter().copied().find(suits).or_else(|| near.first().copied())
    }
}

/// What a value that stands alone is about: what the comparison before was about, if it can be, or addresses.
fn subject_alone(token: &Token<'_>, last: Option<Subject>) -> Option<Subject> {
    let is_address = address::looks_like(token.text);
    if let Some(last) = last {
        let fits = match last.domain() {
            Domain::Addr => is_address || is_dotted_name(token),
            Domain::Number(_) | Domain::As => starts_with_digit(token) && !is_address,
            Domain::Port | Domain::Proto => {
                let word = token.text.to_lowercase();
                let named = Subject::by_word(&word).is_none() && protocol::number(&word).is_none();
                let known = last.domain() == Domain::Port && named && service::port(&word).is_some();
                known || (starts_with_digit(token) && !is_address)
            }
            _ => false,
        };
        if fits {
            return Some(last);
        }
    }
    let mac = token.text.matches(':').count() == 5 && value::means(token.text, Domain::Mac).is_some();
    match (is_address, mac) {
        (_, true) => Subject::by_phrase("", "mac"),
        (true, _) => Subject::by_phrase("", "host"),
        _ => None,
    }
}

/// Whether a token is the name of a host that has a dot, as no word of filters has.
fn is_dotted_name(token: &Token<'_>) -> bool {
    token.kind == Kind::Word && token.text.contains('.') && outside::is_host_name(token.text)
}

fn starts_with_digit(token: &Token<'_>) -> bool {
    token.text.starts_with(|c: char| c.is_ascii_digit())
}

/// `a`, `b` or `c`.
fn either(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "something else".into(),
    }
}

/// A column's value lies between these.
pub(super) fn test(column: Column, low: u128, high: u128) -> Expr {
    Expr::Test(Test::ranges(Subject::column(column), Ranges::between(low, high)))
}

/// Either end of the flow itself, not of its translation, is of this family.
fn family(prefix: &str) -> Expr {
    let ranges = address::read(prefix).unwrap_or_else(|_| Ranges::between(0, u128::MAX));
    let end =
        |column| Expr::Test(Test { subject: Subject::column(column), set: Set::Ranges(ranges.clone()) });
    Expr::any_of(vec![end(Column::SrcAddr), end(Column::DstAddr)])
}

/// The number of a differentiated services code point.
fn dscp(text: &str) -> Option<u8> {
    if text == "ef" {
        return Some(46);
    }
    let digits = |text: &str| -> Option<Vec<u8>> {
        text.bytes().map(|b| b.checked_sub(b'0').filter(|d| *d < 10)).collect()
    };
    if let Some(class) = text.strip_prefix("cs") {
        return match digits(class)?.as_slice() {
            [class @ 0..=7] => Some(class * 8),
            _ => None,
        };
    }
    if let Some(class) = text.strip_prefix("af") {
        return match digits(class)?.as_slice() {
            [class @ 1..=4, drop @ 1..=3] => Some(class * 8 + drop * 2),
            _ => None,
        };
    }
    u8::try_from(value::means(text, Domain::Number(63))?.0).ok()
}
