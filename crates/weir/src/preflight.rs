//! Whether this machine has what a configuration asks of it: addresses, certificates, files, programs. The file alone does not
//! tell, and the first to notice should not be a letter at the month's end.
//!
//! `weir check` and `weir run` ask the same [`look`]. What weir cannot start with, both refuse. Where only a part cannot be
//! done (a name file, a program of a quota), `check` refuses and `run` warns: who is told about traffic must not be deaf for
//! want of a name.

use crate::clock::Moment;
use crate::collect::stream::tls;
use crate::config::quota::Task;
use crate::config::{Act, Config, Identity, Transport, Way};
use crate::exit::{Failure, Outcome};
use crate::name::Book;
use crate::{mail, quota, relay};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Where a service manager puts secrets while the service runs.
const CREDENTIALS: &str = "/run/credentials";
/// Set where a service manager gives us sockets, whose addresses are its care.
const GIVEN_SOCKETS: &str = "LISTEN_FDS";

/// The word for a tenant's own addresses where a quota writes.
const TENANT: &str = "tenant";
/// So many tenants are named in one note.
const NAMED_MAX: usize = 20;

/// What was found, each a sentence with its place and what to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// weir cannot start with it.
    pub(crate) refused: Vec<String>,
    /// A part of what is asked for cannot be done.
    pub(crate) broken: Vec<String>,
    /// What could not be looked at.
    pub(crate) notes: Vec<String>,
}

/// Something that listens, and over what: sockets of different kinds do not meet.
struct Endpoint {
    what: String,
    kind: &'static str,
    address: SocketAddr,
    /// Whether several may have the same port.
    is_shared: bool,
}

/// Looks at everything that a configuration needs of the machine.
pub(crate) fn look(config: &Config) -> Findings {
    let mut found = Findings::default();
    found.endpoints(config);
    found.certificates(config);
    found.sql(config);
    found.relays(config);
    found.store(&config.store);
    found.processors(config);
    found.names(config);
    found.mail(config);
    found.quotas(config);
    found.schedules(config);
    found
}

impl Findings {
    /// Nothing, unless weir cannot start.
    ///
    /// # Errors
    /// Everything that it cannot start with, a line each.
    pub(crate) fn admit(&self) -> Outcome {
        fail(&self.refused)
    }

    /// Nothing, unless something cannot be done.
    ///
    /// # Errors
    /// Everything that cannot, a line each.
    pub(crate) fn approve(&self) -> Outcome {
        fail(&[&self.refused[..], &self.broken].concat())
    }

    /// Addresses must be the machine's, and no two listeners the same.
    fn endpoints(&mut self, config: &Config) {
        if config.listen.is_empty() {
            let cure = "name a port with [[listen]] or --listen [::]:2055";
            self.refused.push(format!("nothing to listen on: {cure}"));
        }
        if std::env::var_os(GIVEN_SOCKETS).is_some() {
            return;
        }
        let all = endpoints(config);
        for (i, one) in all.iter().enumerate() {
            let mut address = one.address;
            address.set_port(0);
            if let Err(error) = UdpSocket::bind(address) {
                self.refused
                    .push(format!("{} cannot be had: {error}; write an address of this machine", one.what));
            }
            let before = all.get(..i).unwrap_or_default();
            if let Some(other) = before.iter().find(|other| one.meets(other)) {
                self.refused.push(format!(
                    "{} and {} are the same port; give one of them another",
                    other.what, one.what
                ));
            }
        }
    }

    /// The files that TLS needs must be there and hold what they should.
    fn certificates(&mut self, config: &Config) {
        let listeners = config.listen.iter().filter_map(|listen| match &listen.transport {
            Transport::Tls(identity) => Some(identity),
            _ => None,
        });
        let sql = config.sql.iter().filter_map(|sql| sql.tls.as_ref());
        for identity in listeners.chain(sql) {
            let Identity { certificate, key, client_ca } = identity;
            let files = [certificate, key].into_iter().chain(client_ca);
            // Every file has its note.
            let unseen = files.filter(|file| !self.can_see(file)).count();
            if unseen == 0
                && let Err(failure) = tls::server(identity)
            {
                self.refused.push(format!("{failure}; see certificate, key and client_ca"));
            }
        }
    }

    #[cfg(feature = "sql")]
    fn sql(&mut self, config: &Config) {
        let Some(sql) = &config.sql else { return };
        for (_, file) in &sql.users {
            if self.can_see(file)
                && let Err(failure) = crate::sql::password(file)
            {
                self.refused.push(failure.to_string());
            }
        }
    }

    #[cfg(not(feature = "sql"))]
    fn sql(&mut self, config: &Config) {
        if config.sql.is_some() {
            let cure = "take [sql] out, or take weir from a package, or build it with: cargo install --path crates/weir \
                        --features sql";
            self.refused.push(format!("this weir was built without SQL: {cure}"));
        }
    }

    fn relays(&mut self, config: &Config) {
        if let Err(failure) = relay::refuse_loops(config) {
            self.refused.push(failure.to_string());
        }
    }

    fn store(&mut self, store: &Path) {
        if store.exists() && !store.is_dir() {
            let store = store.display();
            self.refused.push(format!("the store {store} is no folder; name one in path of [store]"));
        }
    }

    /// Listeners can be bound only to processors that there are.
    fn processors(&mut self, config: &Config) {
        let Ok(ours) = rustix::thread::sched_getaffinity(None) else { return };
        for listen in &config.listen {
            if let Some(cpu) = listen.cpus.iter().find(|cpu| !ours.is_set(**cpu)) {
                self.broken.push(format!(
                    "{listen} is to run on processor {cpu}, which this machine does not have or does not let weir use: \
                     name others in cpus of [[listen]]"
                ));
            }
        }
    }

    /// The files of `[names]` must be there and be what they should.
    fn names(&mut self, config: &Config) {
        let files = [&config.names.hosts, &config.names.geo, &config.names.asn];
        let unseen = files.into_iter().flatten().filter(|file| !self.can_see(file)).count();
        if unseen == 0
            && let Err(failure) = Book::open(config, Moment::now())
        {
            self.broken.push(failure.to_string());
        }
    }

    /// Letters must find somebody who takes them, and what he asks for.
    fn mail(&mut self, config: &Config) {
        let Some(mail) = &config.mail else { return };
        match &mail.way {
            Way::Sendmail(program) => self.program(program, "sendmail of [mail]"),
            Way::Server(server) => {
                if server.ca_file.as_ref().is_none_or(|file| self.can_see(file))
                    && let Err(why) = mail::authority(server)
                {
                    self.broken.push(format!("{why}; see [mail]"));
                }
                if let Some(login) = &server.login
                    && self.can_see(&login.password_file)
                    && let Err(why) = mail::password(&login.password_file)
                {
                    self.broken.push(format!("{why}; see [mail]"));
                }
            }
        }
    }

    /// Programs that quotas run must be there.
    fn quotas(&mut self, config: &Config) {
        for quota in &config.quotas.list {
            let place = format!("[[quota.action]] of the quota \"{}\"", quota.name);
            for action in &quota.actions {
                match &action.task {
                    Task::Exec { program } => {
                        if let Some(program) = program.first() {
                            self.program(Path::new(program), &place);
                        }
                    }
                    Task::Nftables { .. } if !quota.is_dry && !quota::has_nft() => {
                        let cure = "install nftables, or block with exec";
                        self.broken.push(format!("{place}: the program nft is not here; {cure}"));
                    }
                    Task::Nftables { .. } | Task::Mail { .. } | Task::Webhook { .. } => {}
                }
            }
        }
        self.broken.dedup();
    }

    /// What is closed must follow what was closed before, and letters need somebody to read them.
    fn schedules(&mut self, config: &Config) {
        let closing = config.schedules.iter().filter(|schedule| schedule.acts.contains(&Act::Close));
        let mut periods: Vec<&str> = closing.map(|schedule| schedule.period.as_str()).collect();
        periods.sort_unstable();
        periods.dedup();
        if let [one, other, ..] = periods[..] {
            self.broken.push(format!(
                "[[schedule]] closes \"{one}\" and \"{other}\", and periods that are closed may not overlap: one of them \
                 would fail each time; close one kind of period, and only mail the others"
            ));
        }
        let is_mailed = config.schedules.iter().any(|schedule| schedule.acts.contains(&Act::Mail));
        let by_quotas = config.quotas.list.iter().filter(|quota| {
            let is_to_tenant =
                |task: &Task| matches!(task, Task::Mail { to } if to.iter().any(|to| to == TENANT));
            quota.actions.iter().any(|action| is_to_tenant(&action.task))
        });
        let by_quotas: Vec<_> = by_quotas.collect();
        let is_written_to = |name: &str| is_mailed || by_quotas.iter().any(|quota| quota.is_of(name));
        let without = config.payers().filter(|tenant| tenant.mail.is_empty() && is_written_to(&tenant.name));
        let without: Vec<&str> = without.map(|tenant| tenant.name.as_str()).collect();
        if !without.is_empty() {
            let more = match without.len().saturating_sub(NAMED_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let some = without.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
            self.notes
                .push(format!("nobody is written to for want of mail = […] in [[tenant]]: {some}{more}"));
        }
    }

    /// A program must be there, and be one.
    fn program(&mut self, path: &Path, place: &str) {
        let why = match path.metadata() {
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => return,
            Ok(_) => "it is no program".to_owned(),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return self.unseen(path),
            Err(error) => error.to_string(),
        };
        let path = path.display();
        self.broken.push(format!(
            "{place}: {path} cannot be run: {why}; install it, or name another by its whole path"
        ));
    }

    /// Whether a file is ours to judge: one that is missing is.
    fn can_see(&mut self, path: &Path) -> bool {
        let is_to_come = path.starts_with(CREDENTIALS) && !path.exists();
        let is_closed =
            std::fs::File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
        if is_to_come {
            let path = path.display();
            self.notes.push(format!("{path} is there only while the service runs, and was not looked at"));
        } else if is_closed {
            self.unseen(path);
        }
        !is_to_come && !is_closed
    }

    fn unseen(&mut self, path: &Path) {
        self.notes.push(format!("{} may not be read by who asks now, and was not looked at", path.display()));
    }
}

fn fail(sentences: &[String]) -> Outcome {
    if sentences.is_empty() { Ok(()) } else { Err(Failure::new(sentences.join("\n"))) }
}

/// Everything that is to listen.
fn endpoints(config: &Config) -> Vec<Endpoint> {
    let listeners = config.listen.iter().map(|listen| {
        let kind = match listen.transport {
            Transport::Udp => "udp",
            Transport::Tcp | Transport::Tls(_) => "tcp",
            Transport::Sctp => "sctp",
        };
        let is_shared = listen.workers > 1;
        Endpoint { what: format!("{listen} of [[listen]]"), kind, address: listen.address, is_shared }
    });
    let tcp = |table: &str, address: SocketAddr| Endpoint {
        what: format!("{address} of {table}"),
        kind: "tcp",
        address,
        is_shared: false,
    };
    let web = config.web.iter().map(|web| tcp("[web]", web.listen));
    let sql = config.sql.iter().map(|sql| tcp("[sql]", sql.listen));
    listeners.chain(web).chain(sql).collect()
}

impl Endpoint {
    /// Whether the kernel does not let both listen.
    fn meets(&self, other: &Self) -> bool {
        let (one, two) = (self.address.ip(), other.address.ip());
        let covers = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
        self.kind == other.kind
            && self.address.port() == other.address.port()
            && self.address.port() != 0
            && !(self.is_shared && other.is_shared)
            && (one.to_canonical() == two.to_canonical() || covers(one, two) || covers(two, one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether these two are refused.
    fn meet(one: &str, two: &str) -> bool {
        let config = crate::config::read(&format!("{one}\n{two}\n")).unwrap();
        match &endpoints(&config)[..] {
            [one, two] => one.meets(two) && two.meets(one),
            _ => panic!("two endpoints"),
        }
    }

    #[test]
    fn closings_that_overlap_and_who_has_no_address() {
        let text = "[mail]\nfrom = \"a@example.org\"\nsendmail = \"/bin/true\"\n\
                    [[tenant]]\nname = \"acme\"\nnetworks = [\"10.0.0.0/24\"]\nmail = [\"a@example.org\"]\n\
                    [[tenant]]\nname = \"bolt\"\nnetworks = [\"10.0.1.0/24\"]\n\
                    [[schedule]]\ndo = \"close, mail\"\nperiod = \"last\"\nafter = \"6h\"\n\
                    [[schedule]]\ndo = \"ACT\"\nperiod = \"last-week\"\nafter = \"6h\"\n";
        let found = |act: &str| {
            let mut found = Findings::default();
            found.schedules(&crate::config::read(&text.replace("ACT", act)).unwrap());
            found
        };
        let mailed = found("mail");
        assert_eq!(mailed.broken, Vec::<String>::new());
        assert_eq!(mailed.notes, ["nobody is written to for want of mail = […] in [[tenant]]: bolt"]);
        let closed = found("close").broken;
        assert!(closed.len() == 1 && closed[0].contains("closes \"last\" and \"last-week\""), "{closed:?}");
    }

    #[test]
    fn ports_that_meet() {
        let listen = |way: &str, more: &str| format!("[[listen]]\n{way}\n{more}");
        let udp = |address: &str| listen(&format!("udp = \"{address}\""), "");
        let shared = |address: &str| listen(&format!("udp = \"{address}\""), "workers = 2");
        let tcp = |address: &str| listen(&format!("tcp = \"{address}\""), "");
        let web = |address: &str| format!("[web]\nlisten = \"{address}\"");
        for (one, two, expected) in [
            (udp("0.0.0.0:2055"), udp("127.0.0.1:2055"), true),
            (udp("[::]:2055"), udp("127.0.0.1:2055"), true),
            (udp("0.0.0.0:2055"), udp("[::1]:2055"), false),
            (udp("127.0.0.1:2055"), udp("127.0.0.2:2055"), false),
            (udp("127.0.0.1:2055"), udp("0.0.0.0:2056"), false),
            (udp("127.0.0.1:2055"), tcp("127.0.0.1:2055"), false),
            (shared("0.0.0.0:2055"), shared("127.0.0.1:2055"), false),
            (shared("0.0.0.0:2055"), udp("127.0.0.1:2055"), true),
            (tcp("127.0.0.1:9559"), web("127.0.0.1:9559"), true),
            (tcp("[::]:9559"), web("127.0.0.1:9559"), true),
            (tcp("127.0.0.1:0"), web("127.0.0.1:0"), false),
            (udp("127.0.0.1:9559"), web("127.0.0.1:9559"), false),
        ] {
            assert_eq!(meet(&one, &two), expected, "{one}\n{two}");
        }
    }
}
