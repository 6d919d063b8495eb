//! tcpdump's tests of a packet's octets, as far as flows know them: the TCP flags, and ICMP's type and code.
//!
//! ```text
//! tcp[tcpflags] & (tcp-syn|tcp-fin) != 0       tcp[13] = 2       icmp[icmptype] != icmp-echo
//! ```
//!
//! A packet has its flags, a flow those of all its packets: what is found are the flows of which some packet had
//! them.

use super::super::expr::{Expr, Set, Test};
use super::super::lexer::{Comparison, Kind, Token};
use super::super::range::Ranges;
use super::super::subject::Subject;
use super::super::{Mistake, value};
use super::Parser;
use super::comparison::compared;
use crate::schema::Column;

/// Names of values, as libpcap has them.
const VALUES: &[(&str, u16)] = &[
    ("tcp-fin", 0x01),
    ("tcp-syn", 0x02),
    ("tcp-rst", 0x04),
    ("tcp-push", 0x08),
    ("tcp-ack", 0x10),
    ("tcp-urg", 0x20),
    ("tcp-ece", 0x40),
    ("tcp-cwr", 0x80),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
    ("icmp-tstamp", 13),
    ("icmp-tstampreply", 14),
    ("icmp6-destinationunreach", 1),
    ("icmp6-packettoobig", 2),
    ("icmp6-timeexceeded", 3),
    ("icmp6-parameterproblem", 4),
    ("icmp6-echo", 128),
    ("icmp6-echoreply", 129),
    ("icmp6-routersolicit", 133),
    ("icmp6-routeradvert", 134),
    ("icmp6-neighborsolicit", 135),
    ("icmp6-neighboradvert", 136),
    ("icmp6-redirect", 137),
];

/// The octets that have a column: of which header, by name and by number.
const FIELDS: &[(&str, &str, Column)] = &[
    ("tcp", "tcpflags", Column::TcpFlags),
    ("tcp", "13", Column::TcpFlags),
    ("icmp", "icmptype", Column::IcmpType),
    ("icmp", "icmp6type", Column::IcmpType),
    ("icmp", "0", Column::IcmpType),
    ("icmp", "icmpcode", Column::IcmpCode),
    ("icmp", "icmp6code", Column::IcmpCode),
    ("icmp", "1", Column::IcmpCode),
];

/// The bits of an octet.
const OCTET: u16 = 0xff;

impl Parser<'_> {
    /// The test of an octet of this header; what is next is the `[` after its name.
    pub(super) fn packet(&mut self, header: &str) -> Result<Expr, Mistake> {
        let open = self.next();
        let index = self.next();
        let closed = self.take(&Kind::ListClose);
        let field = FIELDS.iter().find(|(of, name, _)| *of == header && index.is(name)).filter(|_| closed);
        let Some((.., column)) = field else {
            let known = if header == "tcp" { "tcp[tcpflags]" } else { "icmp[icmptype] and icmp[icmpcode]" };
            let message = format!("of a packet's octets, flows know {known}");
            return Err(Mistake::new(open.place.start..self.end_before(), message));
        };
        let mask = if self.take(&Kind::BitAnd) { Some(self.bits()?) } else { None };
        let sign = self.peek().clone();
        let Kind::Compare(comparison) = sign.kind else {
            let message =
                "an octet is compared with a sign, without parentheses: `tcp[tcpflags] & tcp-syn != 0`";
            return Err(Mistake::new(sign.place, message));
        };
        self.next();
        let value = self.bits()?;
        let place = sign.place.start..self.end_before();
        let subject = Subject::column(*column);
        match mask {
            Some(mask) => masked(subject, mask, comparison, value).ok_or_else(|| {
                let message = "flags are compared with `=` and `!=`, and no other flags than those before it";
                Mistake::new(place, message)
            }),
            // The octet does not hold the ninth flag.
            None if *column == Column::TcpFlags && comparison == Comparison::Equal => {
                Ok(Expr::Test(Test { subject, set: Set::Bits { mask: OCTET, value } }))
            }
            None => {
                let single = Set::Ranges(Ranges::between(value.into(), value.into()));
                compared(subject, comparison, single, place)
            }
        }
    }

    /// A value, or several in parentheses with `|` between them.
    fn bits(&mut self) -> Result<u16, Mistake> {
        if !self.take(&Kind::Open) {
            let token = self.next();
            return value_of(&token);
        }
        let mut bits = 0;
        loop {
            let token = self.next();
            bits |= value_of(&token)?;
            if self.take(&Kind::Close) {
                return Ok(bits);
            }
            if !self.take(&Kind::BitOr) {
                return Err(Mistake::new(self.peek().place.clone(), "`|` or `)` is missing here"));
            }
        }
    }
}

fn value_of(token: &Token<'_>) -> Result<u16, Mistake> {
    let word = token.text.to_lowercase();
    let named = VALUES.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    let number = || {
        let (number, _) = value::means(&word, super::super::subject::Domain::Number(OCTET.into()))?;
        u16::try_from(number).ok()
    };
    let known = if token.kind == Kind::Word { named.or_else(number) } else { None };
    known.ok_or_else(|| {
        let message =
            format!("`{}` is no value of an octet: a number to 255, or a name like tcp-syn", token.text);
        Mistake::new(token.place.clone(), message)
    })
}

/// `subject & mask comparison value`; `None` where it says nothing about flags, or is never true.
fn masked(subject: Subject, mask: u16, comparison: Comparison, value: u16) -> Option<Expr> {
    if mask == 0 || value & !mask != 0 {
        return None;
    }
    let bits = |mask, value| Expr::Test(Test { subject, set: Set::Bits { mask, value } });
    match (comparison, value) {
        (Comparison::Equal, _) => Some(bits(mask, value)),
        (Comparison::Unequal | Comparison::Greater, 0) => {
            let each = (0..16).map(|bit| 1u16 << bit).filter(|bit| mask & bit != 0);
            Some(Expr::any_of(each.map(|bit| bits(bit, bit)).collect()))
        }
        (Comparison::Unequal, _) => {
            let any = Expr::Test(Test::ranges(subject, Ranges::between(0, subject.domain().max())));
            Some(any.and(bits(mask, value).negate()))
        }
        _ => None,
    }
}
