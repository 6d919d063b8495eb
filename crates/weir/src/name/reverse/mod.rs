//! Names of addresses from the DNS.
//!
//! All questions go out at once, on a socket that is connected to the server, so that nobody else's answers are heard; a
//! few hundred names take as long as the slowest of them, and all together never longer than the caller waits.
//!
//! Why no resolver library: weir asks one kind of question, never where datagrams come in. What is hard is the format,
//! which `simple-dns` reads and writes (one small crate, where a whole resolver brings some forty-five); the rest is below.

mod message;
mod round;
#[cfg(test)]
mod tests;

pub(super) use message::is_plain;
use round::Round;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use weir_flow::Addr;

/// What the DNS says of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    /// Its name.
    Name(String),
    /// It has none.
    Nothing,
    /// Nobody could find out.
    Failed,
}

/// What was answered, and for how long that is good, s, where it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) said: Said,
    pub(super) ttl_s: Option<u32>,
}

/// What became of the questions.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What was answered, or could not be found out. Nothing where no server was heard at all.
    pub(super) answers: HashMap<Addr, Answer>,
    /// Servers that were asked and not heard.
    pub(super) silent: Vec<SocketAddr>,
    /// Private addresses that no server may be asked about.
    pub(super) withheld: usize,
}

/// Asks the servers, the first one first and the next ones what it leaves open, for no longer than `wait` altogether.
/// Public servers are asked about private addresses only with `private`.
pub(super) fn ask(servers: &[SocketAddr], addresses: &[Addr], private: bool, wait: Duration) -> Asked {
    let deadline = Instant::now() + wait;
    let may = |server: &SocketAddr, address: Addr| {
        private || is_inside(server.ip()) || !is_inside(IpAddr::from(address))
    };
    let mut asked = Asked {
        withheld: addresses.iter().filter(|a| !servers.iter().any(|server| may(server, **a))).count(),
        ..Asked::default()
    };
    for (at, server) in servers.iter().enumerate() {
        let known = |a: &Addr| asked.answers.get(a).is_some_and(|answer| answer.said != Said::Failed);
        let open: Vec<Addr> = addresses.iter().filter(|a| !known(a) && may(server, **a)).copied().collect();
        let left = deadline.saturating_duration_since(Instant::now());
        if open.is_empty() || left.is_zero() {
            continue;
        }
        // A server that does not answer leaves time to those after it.
        let share = left / u32::try_from(servers.len() - at).unwrap_or(u32::MAX);
        let heard = Round::new(*server, &open).map(|round| round.run(Instant::now() + share));
        match heard {
            Ok(answers) if !answers.is_empty() => {
                for (address, answer) in answers {
                    asked.answers.insert(address, answer);
                }
            }
            _ => asked.silent.push(*server),
        }
    }
    asked
}

/// Whether an address means something only inside of a network: private, of one link or of this host, or of nobody
/// (RFC 6890).
pub(super) fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast()
                || matches!((a, b), (0, _) | (100, 64..=127) | (198, 18..=19) | (240..=255, _))
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || first & 0xfe00 == 0xfc00
                || first & 0xff80 == 0xfe80
                || (first, second) == (0x2001, 0x0db8)
        }
    }
}

/// The servers of the system, from its `resolv.conf`.
pub(super) fn servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let lines = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()
    });
    // A link-local server has its interface behind a percent sign, which an address has not.
    let addresses = lines.filter_map(|text| text.parse::<IpAddr>().ok());
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}
