//! Reads the values of a filter: what stands after `port`, `host`, `octets >` and the like.
//!
//! Every value is read as a range of what it may mean, so that one set of rules serves all comparisons: a single
//! port is a range of one, `80-90` of eleven, a day of 86,400,000 ms, a prefix of its addresses.

use super::address::{self, Trouble};
use super::amount::{self, Why};
use super::expr::Set;
use super::lexer::{Kind, Token};
use super::mistake::nearest;
use super::range::Ranges;
use super::subject::Domain;
use super::{Mistake, Names, civil, date, flag, outside, protocol, service};
use crate::Mac;

/// The time that [`Ranges`] hold as this number, in ms since 1970.
pub(super) fn time_ms(number: u128) -> i64 {
    i64::MIN.saturating_add_unsigned(u64::try_from(number).unwrap_or(u64::MAX))
}

/// The number as which [`Ranges`] hold a time.
pub(super) fn time_number(ms: i64) -> u128 {
    ms.abs_diff(i64::MIN).into()
}

/// The values that a token means.
pub(super) fn read(token: &Token<'_>, domain: Domain, names: &Names) -> Result<Set, Mistake> {
    let quoted = match &token.kind {
        Kind::Quoted(name) => Some(name.as_str()),
        Kind::Word => None,
        _ => return Err(missing(token, domain)),
    };
    match (domain, quoted) {
        (Domain::Name | Domain::Class | Domain::Text, Some(name)) => Ok(named(name)),
        (Domain::Text, None) => Ok(named(token.text)),
        (Domain::Name, None) => read_name(token, "tenant", &names.tenants),
        (Domain::Class, None) => read_name(token, "class", &names.classes),
        (Domain::Exporter, _) => read_exporter(token, quoted, names),
        (_, Some(name)) => {
            let mistake =
                Mistake::new(token.place.clone(), format!("only names are quoted, not {}", expected(domain)));
            Err(mistake.suggest(name))
        }
        (Domain::Addr, None) => read_address(token, names),
        (Domain::Clock | Domain::Weekday, None) => read_civil(token, domain),
        (Domain::Port, None) if custom_port(token.text, names).is_some() => {
            let port = custom_port(token.text, names).unwrap_or_default().into();
            Ok(Set::Ranges(Ranges::between(port, port)))
        }
        (_, None) => read_range(token, domain).map(|(low, high)| Set::Ranges(Ranges::between(low, high))),
    }
}

/// What is expected of a domain's values, for messages.
pub(super) fn expected(domain: Domain) -> &'static str {
    match domain {
        Domain::Addr => "an address, a prefix like 10.0.0.0/8 or a range like 10.0.0.1-10.0.0.9",
        Domain::Exporter => "an exporter's name or its address",
        Domain::Mac => "a MAC address like 02:00:5e:00:01:fe",
        Domain::Time => "a time like 2026-10-01 or 2026-10-01T08:00:00Z",
        Domain::Duration => "a length of time like 60s, 500ms or 5m",
        Domain::Clock => "a time of day like 08:00, or a span of it like 08:00-18:00",
        Domain::Weekday => "a day of the week like mon, or several like mon-fri",
        Domain::Number(_) => "a number",
        Domain::Count => "an amount like 1500, 10M or 4Gi",
        Domain::Port => "a port's number or a service's name",
        Domain::Proto => "a protocol's number or name",
        Domain::As => "an AS number",
        Domain::Flags => "TCP flags like S, SA or 0x12",
        Domain::Word(_) => "one of its words",
        Domain::Name => "a name",
        Domain::Class => "the name of a class",
        Domain::Text => "a word, or text in quotes",
    }
}

/// The mistake of a token that cannot be a value.
pub(super) fn missing(token: &Token<'_>, domain: Domain) -> Mistake {
    let expected = expected(domain);
    if token.text.is_empty() {
        return Mistake::new(token.place.clone(), format!("a value is missing: {expected}"));
    }
    Mistake::new(token.place.clone(), format!("`{}` stands where a value belongs: {expected}", token.text))
}

/// The port of a service that the caller knows and not every filter does.
pub(super) fn custom_port(text: &str, names: &Names) -> Option<u16> {
    let text = text.to_lowercase();
    let known = || names.services.iter().find(|(name, _)| *name == text).map(|(_, port)| *port);
    if service::port(&text).is_some() { None } else { known() }
}

/// Times of day and days of the week; which zone's is said when the whole filter is read.
fn read_civil(token: &Token<'_>, domain: Domain) -> Result<Set, Mistake> {
    let text = token.text;
    let read = if domain == Domain::Clock { civil::read_times(text) } else { civil::read_weekdays(text) };
    read.map(Set::Ranges).map_err(|why| {
        let mistake = why.into_mistake(token, domain);
        if domain == Domain::Weekday {
            return mistake.suggest_maybe(nearest(text, civil::WEEKDAYS.iter().chain(civil::FULL).copied()));
        }
        // `8-18` is meant as whole hours.
        let hour =
            |text: &str| text.parse::<u8>().ok().filter(|hour| *hour <= 24).map(|h| format!("{h:02}:00"));
        let hours = match text.split_once('-') {
            Some((first, last)) => hour(first).zip(hour(last)).map(|(first, last)| format!("{first}-{last}")),
            None => hour(text),
        };
        mistake.suggest_maybe(hours.filter(|hours| civil::read_times(hours).is_ok()))
    })
}

fn named(name: &str) -> Set {
    Set::Names { names: vec![name.to_owned()], excluded: false }
}

/// The name of one of those there are; of any, where none are given.
fn read_name(token: &Token<'_>, what: &str, names: &[String]) -> Result<Set, Mistake> {
    if names.is_empty() || names.iter().any(|name| name == token.text) {
        return Ok(named(token.text));
    }
    let mistake = Mistake::new(
        token.place.clone(),
        format!("there is no {what} `{}` (put a former {what}'s name in quotes)", token.text),
    );
    Err(mistake.suggest_maybe(nearest(token.text, names.iter().map(String::as_str)).map(word)))
}

/// A group, as the tenants that are in it: what was in a group once is not known.
pub(super) fn read_group(token: &Token<'_>, names: &Names) -> Result<Set, Mistake> {
    let path = match &token.kind {
        Kind::Quoted(path) => path.as_str(),
        Kind::Word => token.text,
        _ => return Err(missing(token, Domain::Name)),
    };
    if let Some((_, tenants)) = names.groups.iter().find(|(known, _)| known == path) {
        let mut set = Set::Names { names: tenants.clone(), excluded: false };
        set.settle();
        return Ok(set);
    }
    let mistake = Mistake::new(token.place.clone(), format!("no tenant is in a group `{path}`"));
    Err(mistake.suggest_maybe(nearest(path, names.groups.iter().map(|(known, _)| known.as_str())).map(word)))
}

/// A name as it must be written in a filter: in quotes unless it is one plain word.
pub(super) fn word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-/".contains(c);
    let keyword = ["and", "or", "not"].iter().any(|k| name.eq_ignore_ascii_case(k));
    if !name.is_empty() && name.chars().all(plain) && !keyword {
        name.to_owned()
    } else {
        super::lexer::quote(name)
    }
}

fn read_exporter(token: &Token<'_>, quoted: Option<&str>, names: &Names) -> Result<Set, Mistake> {
    let name = quoted.unwrap_or(token.text);
    let named = names.exporters.iter().filter(|(n, _)| n == name).map(|(_, addr)| (addr.bits(), addr.bits()));
    let ranges = Ranges::from_pairs(named.collect());
    if !ranges.is_empty() {
        return Ok(Set::Ranges(ranges));
    }
    if quoted.is_none() && address::looks_like(name) {
        return read_address(token, names);
    }
    let guess = nearest(name, names.exporters.iter().map(|(n, _)| n.as_str())).map(word);
    let why = if names.exporters.is_empty() {
        "no exporter is named in the configuration"
    } else {
        "no exporter has this name"
    };
    Err(Mistake::new(token.place.clone(), format!("{why}: {}", token.text)).suggest_maybe(guess))
}

fn read_address(token: &Token<'_>, names: &Names) -> Result<Set, Mistake> {
    let text = token.text;
    let mistake = |message: String| Mistake::new(token.place.clone(), message);
    let trouble = match address::read(text) {
        Ok(ranges) => return Ok(Set::Ranges(ranges)),
        Err(Trouble::NotAnAddress) if outside::is_host_name(text) => return read_host(token, names),
        Err(trouble) => trouble,
    };
    Err(match trouble {
        Trouble::NotAnAddress => mistake(format!("`{text}` is not {}", expected(Domain::Addr))),
        Trouble::Length(max) => {
            mistake(format!("the length of the prefix `{text}` is not a number from 0 to {max}"))
        }
        Trouble::HostBits(prefix) => mistake(format!("`{text}` has bits beyond its length")).suggest(prefix),
        Trouble::Short(prefix) => {
            mistake(format!("`{text}` is only the beginning of an address")).suggest(prefix)
        }
        Trouble::Ends => mistake(format!("the ends of `{text}` are not in order, or of two families")),
    })
}

/// The addresses of a host by its name.
fn read_host(token: &Token<'_>, names: &Names) -> Result<Set, Mistake> {
    let text = token.text;
    let mistake = |message: String| Mistake::new(token.place.clone(), message);
    // Nobody's name: asking for it would send it into the network.
    if text.eq_ignore_ascii_case("in") {
        let list = "a list in brackets, or @file, is expected after `in`: in [10.0.0.0/8, 192.0.2.1]";
        return Err(mistake(list.to_owned()));
    }
    let Some(outside) = &names.outside else {
        return Err(mistake(format!("`{text}` is not an address (host names are not looked up)")));
    };
    match outside.addresses(text) {
        Ok(found) if !found.is_empty() => {
            let pairs = found.iter().map(|address| (address.bits(), address.bits())).collect();
            Ok(Set::Ranges(Ranges::from_pairs(pairs)))
        }
        Ok(_) => Err(mistake(format!("no address is known of the host `{text}`"))),
        Err(why) => Err(mistake(format!("no address is known of the host `{text}`: {why}"))),
    }
}

/// A value or a range of values `a-b` or `a..b`, as the numbers it may mean.
fn read_range(token: &Token<'_>, domain: Domain) -> Result<(u128, u128), Mistake> {
    let text = token.text;
    if let Ok(range) = read_single(text, domain) {
        return within(token, domain, range);
    }
    let ends = text.split_once("..").or_else(|| text.split_once('-').filter(|_| domain.has_dashed_ranges()));
    let Some((low, high)) = ends else {
        return read_single(text, domain).map_err(|why| why.into_mistake(token, domain));
    };
    let read = |end| read_single(end, domain).map_err(|why| why.into_mistake(token, domain));
    let (low, high) = (read(low)?, read(high)?);
    if low.0 > high.1 {
        return Err(Mistake::new(token.place.clone(), format!("the range `{text}` ends before it begins")));
    }
    within(token, domain, (low.0, high.1))
}

/// The range, if its values can occur at all.
fn within(token: &Token<'_>, domain: Domain, range: (u128, u128)) -> Result<(u128, u128), Mistake> {
    if range.1 <= domain.max() {
        return Ok(range);
    }
    let message = format!("`{}` is more than the greatest value there is, {}", token.text, domain.max());
    Err(Mistake::new(token.place.clone(), message))
}

impl Why {
    fn into_mistake(self, token: &Token<'_>, domain: Domain) -> Mistake {
        let text = token.text;
        let mistake = |message| Mistake::new(token.place.clone(), message);
        match self {
            Self::Form => {
                let message = match domain {
                    Domain::Word(words) => {
                        format!("`{text}` is none of the words there are: {}", words.join(", "))
                    }
                    domain => format!("`{text}` is not {}", expected(domain)),
                };
                mistake(message).suggest_maybe(guess(text, domain))
            }
            Self::Unit => {
                // nfdump's durations are of milliseconds: who means seconds writes few digits.
                let unit = if text.len() > 3 { "ms" } else { "s" };
                mistake(format!("`{text}` needs a unit: ms, s, m, h or d")).suggest(format!("{text}{unit}"))
            }
            Self::Large => {
                mistake(format!("`{text}` is more than the greatest value there is, {}", domain.max()))
            }
        }
    }
}

fn guess(text: &str, domain: Domain) -> Option<&'static str> {
    match domain {
        Domain::Port => nearest(text, service::names()),
        Domain::Proto => nearest(text, protocol::names()),
        Domain::Word(words) => nearest(text, words.iter().copied()),
        _ => None,
    }
}

impl Domain {
    /// Whether `a-b` is a range: not where values contain dashes themselves.
    fn has_dashed_ranges(self) -> bool {
        !matches!(self, Self::Time | Self::Mac | Self::Word(_) | Self::Flags)
    }
}

/// The numbers that a single value may mean, if it is one.
pub(super) fn means(text: &str, domain: Domain) -> Option<(u128, u128)> {
    read_single(text, domain).ok().filter(|(_, high)| *high <= domain.max())
}

/// One value, as the range of numbers it may mean.
fn read_single(text: &str, domain: Domain) -> Result<(u128, u128), Why> {
    let lower = text.to_lowercase();
    let number = match domain {
        Domain::Time => {
            let (low, high) = date::read(text).ok_or(Why::Form)?;
            return Ok((time_number(low), time_number(high)));
        }
        Domain::Duration => amount::read_duration(&lower)?,
        Domain::Count => amount::read_count(&lower)?,
        Domain::Port => {
            service::port(&lower).map_or_else(|| amount::read_number(&lower), |port| Ok(port.into()))?
        }
        Domain::Proto => protocol::number(&lower)
            .map_or_else(|| amount::read_number(&lower), |number| Ok(number.into()))?,
        Domain::As => read_as(&lower)?,
        Domain::Flags => {
            flag::bits(text).map_or_else(|| amount::read_number(&lower), |bits| Ok(bits.into()))?
        }
        Domain::Mac => read_mac(&lower).ok_or(Why::Form)?,
        Domain::Word(words) => read_word(&lower, words).ok_or(Why::Form)?,
        Domain::Number(_) => amount::read_number(&lower)?,
        // These are not held as single numbers; `read` has dealt with them.
        Domain::Addr
        | Domain::Exporter
        | Domain::Name
        | Domain::Class
        | Domain::Text
        | Domain::Clock
        | Domain::Weekday => {
            return Err(Why::Form);
        }
    };
    Ok((number, number))
}

/// `64500`, `AS64500`, or `1.10` (RFC 5396 asdot).
fn read_as(text: &str) -> Result<u128, Why> {
    let text = text.strip_prefix("as").unwrap_or(text);
    let Some((high, low)) = text.split_once('.') else { return amount::read_number(text) };
    let half = |text| amount::read_number(text).ok().filter(|n| *n <= u16::MAX.into()).ok_or(Why::Form);
    Ok((half(high)? << 16) + half(low)?)
}

/// Six octets with `:` or `-` between them.
fn read_mac(text: &str) -> Option<u128> {
    let text = text.replace('-', ":");
    let digits =
        text.split(':').all(|o| (1..=2).contains(&o.len()) && o.bytes().all(|b| b.is_ascii_hexdigit()));
    text.parse::<Mac>().ok().filter(|_| digits).map(|mac| mac.0.into())
}

/// The place of a word in its list. `v9` is `9` and `ipfix` is `10`, as people call them.
fn read_word(text: &str, words: &[&str]) -> Option<u128> {
    let place = |text: &str| words.iter().position(|word| *word == text).map(|place| place as u128);
    let version = text.strip_prefix('v').filter(|rest| rest.parse::<u8>().is_ok());
    place(text).or_else(|| place(version?)).or_else(|| if text == "ipfix" { place("10") } else { None })
}

/// A number as a text that is read as this number and no other.
pub(super) fn write(number: u128, domain: Domain) -> String {
    match domain {
        Domain::Time => date::write_exact(time_ms(number)),
        domain => write_first(number, domain),
    }
}

/// A number as the shortest text of which it is the first value.
pub(super) fn write_first(number: u128, domain: Domain) -> String {
    match domain {
        Domain::Time => date::write(time_ms(number)),
        Domain::Duration => amount::write_duration(number),
        Domain::Count => amount::write_count(number),
        Domain::Proto => protocol::name(number).map_or_else(|| number.to_string(), Into::into),
        Domain::Flags => flag::letters(u16::try_from(number).unwrap_or(u16::MAX)),
        Domain::Mac => Mac(u64::try_from(number).unwrap_or(u64::MAX)).to_string(),
        Domain::Word(words) => {
            usize::try_from(number).ok().and_then(|n| words.get(n)).copied().unwrap_or_default().into()
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, domain: Domain) -> Option<u128> {
        let range = read_single(text, domain).ok()?;
        assert_eq!(range.0, range.1);
        Some(range.0)
    }

    #[test]
    fn other_numbers() {
        assert_eq!(one("AS64500", Domain::As), Some(64_500));
        assert_eq!(one("1.10", Domain::As), Some(65_546));
        assert_eq!(one("0x1F", Domain::Number(255)), Some(31));
        assert_eq!(one("HTTPS", Domain::Port), Some(443));
        assert_eq!(one("tcp", Domain::Proto), Some(6));
        assert_eq!(one("02-00-5E-00-01-fe", Domain::Mac), Some(0x0200_5e00_01fe));
        assert_eq!(one("+2:00:5e:00:01:fe", Domain::Mac), None);
        assert_eq!(one("v9", Domain::Word(crate::names::Version::WORDS)), Some(5));
        assert_eq!(one("ipfix", Domain::Word(crate::names::Version::WORDS)), Some(6));
    }

    #[test]
    fn what_is_written_is_read() {
        let domains = [
            Domain::Mac,
            Domain::Time,
            Domain::Duration,
            Domain::Number(u64::MAX),
            Domain::Count,
            Domain::Port,
            Domain::Proto,
            Domain::As,
            Domain::Flags,
            Domain::Word(crate::names::Direction::WORDS),
        ];
        for domain in domains {
            let some =
                [0, 1, 2, 3, 5, 6, 255, 1000, 1024, 1500, 60_000, 61_000, 10_000_000, 1 << 40, domain.max()];
            for number in some.into_iter().filter(|n| *n <= domain.max()) {
                let text = write(number, domain);
                assert_eq!(read_single(&text, domain).ok(), Some((number, number)), "{text} {domain:?}");
                let text = write_first(number, domain);
                assert_eq!(read_single(&text, domain).ok().map(|r| r.0), Some(number), "{text} {domain:?}");
            }
        }
        assert_eq!(write(10_000_000, Domain::Count), "10M");
        assert_eq!(write(4 << 30, Domain::Count), "4Gi");
        assert_eq!(write(90_000, Domain::Duration), "90s");
    }
}
