//! What nfdump and tcpdump say in other words, or of what flows do not have. `docs/filter.md` has all of it in one
//! table.

use super::super::expr::{Expr, Set, Test};
use super::super::lexer::{Kind, Token};
use super::super::range::Ranges;
use super::super::subject::Subject;
use super::super::{Mistake, value};
use super::Parser;
use crate::names::Event;
use crate::schema::Column;

/// Words of which no record of a flow knows anything, and why; what to write instead, where there is something.
const ABSENT: &[(&str, &str, Option<&str>)] = &[
    ("flow", "a filter is about single records, each of which is one flow: `weir top` counts them", None),
    ("flows", "a filter is about single records, each of which is one flow: `weir top` counts them", None),
    ("count", "records are not numbered: `weir flows -n` says how many are shown", None),
    ("sysid", "exporters are told apart by address or name", Some("exporter")),
    ("engine-type", "type and id of the engine are one number, type × 256 + id", Some("domain")),
    ("engine-id", "type and id of the engine are one number, type × 256 + id", Some("domain")),
    ("tun", "what is inside of a tunnel has no columns", None),
    ("tunip", "what is inside of a tunnel has no columns", None),
    (
        "geo",
        "countries are shown beside addresses, not kept with the records: list networks, `net in @file`",
        None,
    ),
    (
        "next",
        "the next router is `next ip`; of the path, the AS of the source and of the destination are kept",
        None,
    ),
    ("prev", "of the path, the AS of the source and of the destination are kept", Some("src")),
    ("payload", "what packets carry is never kept", None),
    ("pblock", "blocks of ports have no columns", None),
    ("gateway", "the router that packets went on to is `next_hop`", Some("next_hop")),
    ("broadcast", "flows do not say what is a broadcast: ask for its address", Some("dst 255.255.255.255")),
    ("multicast", "say of which family", Some("ip multicast")),
    ("inbound", "the direction is seen from the tenant", Some("direction in")),
    ("outbound", "the direction is seen from the tenant", Some("direction out")),
    (
        "len",
        "single packets have no length in flows: `octets/packets` is their average",
        Some("octets/packets"),
    ),
    ("protochain", "headers are not kept; `proto` is the one of the transport", Some("proto")),
    ("ifname", "interfaces go by `if`, with number or name", Some("if")),
    ("arp", "flows are of IP: there is no ARP", None),
    ("rarp", "flows are of IP: there is no ARP", None),
    ("pppoed", "flows are of IP: there is no PPPoE", None),
    ("pppoes", "flows are of IP: there is no PPPoE", None),
    ("geneve", "what is inside of a tunnel has no columns", Some("udp dst port 6081")),
    ("wlan", "flows are of IP: there is no link layer but VLANs and MAC addresses", None),
    ("link", "flows are of IP: there is no link layer but VLANs and MAC addresses", None),
];

/// nfdump's words for the events of firewalls and translators.
const EVENTS: &[(&str, &str, Event)] = &[
    ("asa", "create", Event::FlowCreated),
    ("asa", "term", Event::FlowDeleted),
    ("asa", "delete", Event::FlowDeleted),
    ("asa", "deny", Event::FlowDenied),
    ("asa", "denied", Event::FlowDenied),
    ("nat", "add", Event::NatCreated),
    ("nat", "create", Event::NatCreated),
    ("nat", "delete", Event::NatDeleted),
];

impl Parser<'_> {
    /// A condition in the words of another tool, of which this token has been read; `None` if it is none.
    pub(super) fn foreign(&mut self, token: &Token<'_>, word: &str) -> Result<Option<Expr>, Mistake> {
        let expr = match word {
            "ip" if self.ends_here()
                || self.is_any(&["host", "net", "src", "dst", "proto", "port", "multicast", "broadcast"]) =>
            {
                self.family("0.0.0.0/0")?
            }
            "out" => return Err(Mistake::new(token.place.clone(), "what flows back is a record of its own")),
            "router" | "next" | "bgpnext" if self.peek().is("ip") => self.qualified(word)?,
            "nat" | "asa" if self.peek().is("event") => self.event(word)?,
            "nat" => self.qualified(word)?,
            "icmp-type" | "icmp-code" => self.icmp_field(word)?,
            "observation" => self.observation(token)?,
            "mpls" => self.mpls(token)?,
            "ether" if self.is_any(&["host", "src", "dst"]) => self.ether()?,
            "less" | "greater" => return Err(self.length(token, word)),
            "vlan" if self.ends_here() => {
                let mistake = Mistake::new(token.place.clone(), "`vlan` needs the number of one");
                return Err(mistake.suggest("vlan > 0"));
            }
            _ => return self.absent(token, word),
        };
        Ok(Some(expr))
    }

    /// The mistake of a word that is about nothing there is; `None` if it is no such word.
    fn absent(&self, token: &Token<'_>, word: &str) -> Result<Option<Expr>, Mistake> {
        let latency = self.peek().is("latency") && matches!(word, "client" | "server");
        if latency {
            return Err(Mistake::new(token.place.clone(), "latencies have no columns"));
        }
        match ABSENT.iter().find(|(absent, ..)| *absent == word) {
            Some((_, why, instead)) => {
                Err(Mistake::new(token.place.clone(), format!("no `{word}`: {why}")).suggest_maybe(*instead))
            }
            None => Ok(None),
        }
    }

    /// Whether the condition is over: what comes next cannot be a part of it.
    fn ends_here(&self) -> bool {
        matches!(self.peek().kind, Kind::And | Kind::Or | Kind::Close | Kind::End)
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.peek().is(word))
    }

    /// `asa event create`, `nat event add`.
    fn event(&mut self, whose: &str) -> Result<Expr, Mistake> {
        self.next();
        let token = self.peek().clone();
        let known = EVENTS.iter().find(|(of, word, _)| *of == whose && token.is(word));
        let Some((.., event)) = known else { return self.values(Subject::column(Column::Event)) };
        self.next();
        let code = u128::from(event.code());
        let set = Set::Ranges(Ranges::between(code, code));
        Ok(Expr::Test(Test { subject: Subject::column(Column::Event), set }))
    }

    /// `icmp-type 8`, which implies the protocol.
    fn icmp_field(&mut self, word: &str) -> Result<Expr, Mistake> {
        let column = if word == "icmp-type" { Column::IcmpType } else { Column::IcmpCode };
        let icmp = [1, 58].map(|number| super::term::test(Column::Proto, number, number));
        Ok(Expr::any_of(icmp.to_vec()).and(self.values(Subject::column(column))?))
    }

    /// `observation domain id 5`.
    fn observation(&mut self, token: &Token<'_>) -> Result<Expr, Mistake> {
        if self.take_word("domain") {
            self.take_word("id");
            return self.values(Subject::column(Column::Domain));
        }
        let message = "of what observes, the domain is kept: `observation domain id`";
        Err(Mistake::new(token.place.clone(), message))
    }

    /// `mpls 100000`, `mpls label1 100000`: the top label.
    fn mpls(&mut self, token: &Token<'_>) -> Result<Expr, Mistake> {
        let has_value = matches!(self.peek().kind, Kind::Compare(_) | Kind::ListOpen)
            || value::means(self.peek().text, Subject::column(Column::MplsLabel).domain()).is_some();
        if has_value || self.take_word("label1") || self.take_word("label") {
            return self.values(Subject::column(Column::MplsLabel));
        }
        let end = self.peek().place.end;
        let message = "of the stack of labels, the label on top is kept";
        Err(Mistake::new(token.place.start..end, message).suggest("mpls_label"))
    }

    /// `ether host M`, `ether src M`.
    fn ether(&mut self) -> Result<Expr, Mistake> {
        let qualifier = match self.next().text.to_lowercase().as_str() {
            "src" => "src",
            "dst" => "dst",
            _ => "",
        };
        self.take_word("host");
        self.values(Subject::by_phrase(qualifier, "mac").unwrap_or(Subject::column(Column::SrcMac)))
    }

    /// The mistake of tcpdump's `less 100` and `greater 100`, which are about a packet.
    fn length(&mut self, token: &Token<'_>, word: &str) -> Mistake {
        let number = self.next();
        let sign = if word == "less" { "<=" } else { ">=" };
        let message = "single packets have no length in flows: `octets/packets` is their average";
        let given = value::means(number.text, Subject::OctetsPerPacket.domain()).is_some();
        if !given {
            return Mistake::new(token.place.clone(), message);
        }
        let instead = format!("octets/packets {sign} {}", number.text);
        Mistake::new(token.place.start..number.place.end, message).suggest(instead)
    }
}
