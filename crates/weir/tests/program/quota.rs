//! Quotas in an office of network namespaces: `weir run` on its router, nftables that drop whom weir puts into a set, and
//! the kernel's counters as the judge of who can still send.

use crate::daemon::until;
use crate::netflow::{self, Flow};
use crate::run::{Place, named, number};
use serde_json::Value;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// There is one office at a time: its namespaces have names.
static OFFICE: Mutex<()> = Mutex::new(());
/// The router, the tenants' side and the internet.
const NAMESPACES: [&str; 3] = ["wq-rtr", "wq-lan", "wq-net"];
const PORT: &str = "127.0.0.1:2055";
const ACME: [u8; 4] = [10, 31, 0, 2];
const ZETA: [u8; 4] = [10, 32, 0, 2];
const NET: [u8; 4] = [198, 51, 100, 1];

/// Packets from the tenants are counted when they pass, and when they are dropped.
const RULES: &str = "
table inet weir {
  set blocked { type ipv4_addr; flags interval; elements = { 192.0.2.77 } }
  counter dropped { }
  counter acme { }
  counter zeta { }
  chain forward { type filter hook forward priority 0;
    iifname lan ip saddr @blocked counter name dropped drop
    iifname lan ip saddr 10.31.0.2 counter name acme accept
    iifname lan ip saddr 10.32.0.2 counter name zeta accept
  }
}";

const CONFIGURATION: &str = r#"
[[tenant]]
name = "acme"
networks = ["10.31.0.0/24"]

[[tenant]]
name = "zeta"
networks = ["10.32.0.0/24"]

[[quota]]
name = "fair"
tenants = ["acme"]
limit = "LIMIT"
dry_run = false

[[quota.action]]
at = 100
do = "nftables"
set = "inet weir blocked"

[[quota.action]]
at = 100
do = "exec"
program = ["/bin/mkdir", "FOLDER/{tenant} {event} {percent}"]

[[quota]]
name = "dry"
tenants = ["zeta"]
limit = "1 MB"

[[quota.action]]
at = 100
do = "nftables"
set = "inet weir blocked"

[quotas]
every = "1 s"
"#;

/// The office, taken down when dropped.
struct Office {
    place: Place,
    daemon: Option<Child>,
    /// Datagrams that its exporter sent.
    sequence: u32,
    _one: MutexGuard<'static, ()>,
}

fn within(namespace: &str, words: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).args(words).stdin(Stdio::null());
    command
}

/// Runs what must succeed; what it prints.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

impl Office {
    /// Builds it; `None` if it cannot be built here.
    fn build(test: &str) -> Option<Self> {
        if !weir_testkit::is_root() {
            weir_testkit::skip(test, "network namespaces need root");
            return None;
        }
        for program in ["ip", "nft", "python3"] {
            if weir_testkit::program(program).is_none() {
                weir_testkit::skip(test, &format!("{program} is not installed"));
                return None;
            }
        }
        let one = OFFICE.lock().unwrap_or_else(PoisonError::into_inner);
        for namespace in NAMESPACES {
            let _ = Command::new("ip").args(["netns", "del", namespace]).stderr(Stdio::null()).status();
            if !Command::new("ip").args(["netns", "add", namespace]).status().unwrap().success() {
                weir_testkit::skip(test, "cannot make network namespaces");
                return None;
            }
        }
        let office = Self { place: Place::new(), daemon: None, sequence: 0, _one: one };
        let script = "set -e
            ip link add lan netns wq-rtr type veth peer name eth0 netns wq-lan
            ip link add wan netns wq-rtr type veth peer name eth0 netns wq-net
            for ns in wq-rtr wq-lan wq-net; do ip -n $ns link set lo up; done
            ip -n wq-rtr addr add 10.31.0.1/24 dev lan; ip -n wq-rtr addr add 10.32.0.1/24 dev lan
            ip -n wq-rtr addr add 198.51.100.2/24 dev wan
            ip -n wq-lan addr add 10.31.0.2/24 dev eth0; ip -n wq-lan addr add 10.32.0.2/24 dev eth0
            ip -n wq-net addr add 198.51.100.1/24 dev eth0
            for at in 'wq-rtr lan' 'wq-rtr wan' 'wq-lan eth0' 'wq-net eth0'; do
              set -- $at; ip -n $1 link set $2 up
            done
            ip -n wq-lan route add default via 10.31.0.1; ip -n wq-net route add default via 198.51.100.2
            ip netns exec wq-rtr sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'";
        done(Command::new("sh").args(["-c", script]));
        office.place.write("rules.nft", RULES);
        let rules = office.place.path("rules.nft").display().to_string();
        done(&mut within("wq-rtr", &["nft", "-f", &rules]));
        Some(office)
    }

    /// The configuration with this limit for acme.
    fn configure(&self, limit: &str) {
        let folder = self.place.path("deeds").display().to_string();
        let text = CONFIGURATION.replace("LIMIT", limit).replace("FOLDER", &folder);
        self.place.write("weir.toml", format!("[store]\npath = \"store\"\n{text}"));
    }

    /// Starts the daemon on the router, and waits until it listens.
    fn start(&mut self) {
        let weir = self.place.command(&format!("run -c weir.toml --listen {PORT}"));
        let mut command = within("wq-rtr", &[weir.get_program().to_str().unwrap()]);
        command.args(weir.get_args()).current_dir(weir.get_current_dir().unwrap()).env("NO_COLOR", "1");
        let log = File::create(self.place.path("run.log")).unwrap();
        self.daemon = Some(command.env_remove("WEIR_STORE").stderr(log).spawn().unwrap());
        until("weir run to listen", || self.log().contains("listening on udp"));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("run.log")).unwrap_or_default()
    }

    /// `kill -9`.
    fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let id = self.daemon.as_ref().unwrap().id();
        done(Command::new("sh").args(["-c", &format!("kill -{name} {id}")]));
    }

    /// The router's exporter tells of octets that somebody sent.
    fn export(&mut self, from: [u8; 4], octets: u32) {
        let flow = Flow { src: from, dst: NET, src_port: 9, dst_port: 9, octets, packets: 1000 };
        let sets = [netflow::templates(0), netflow::data(&[flow])];
        self.place.write("flows.bin", netflow::v9(2, self.sequence, &sets));
        self.sequence += 1;
        let file = self.place.path("flows.bin").display().to_string();
        done(&mut within("wq-rtr", &[env!("CARGO_BIN_EXE_weir"), "send", &file, "--to", PORT]));
    }

    /// Waits until a tenant is known to have used so much.
    fn until_used(&self, tenant: &str, octets: u64) {
        until("the usage", || {
            let quota = self.place.json(&format!("quota {tenant} -o json"));
            number(&quota, "quotas.0.used_octets") == octets
        });
    }

    /// Sends a hundred packets from an address of the tenants' side to the internet; how many the router let through, and
    /// how many it dropped.
    fn send(&self, from: [u8; 4], counter: &str) -> (u64, u64) {
        let before = (self.counted(counter), self.counted("dropped"));
        let from = from.map(|octet| octet.to_string()).join(".");
        let script = format!(
            "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('{from}', 0))\n\
             for i in range(100): s.sendto(bytes(100), ('198.51.100.1', 9000 + i))"
        );
        done(&mut within("wq-lan", &["python3", "-c", &script]));
        let seen = || (self.counted(counter) - before.0, self.counted("dropped") - before.1);
        until("a hundred packets at the router", || seen().0 + seen().1 >= 100);
        seen()
    }

    /// Packets of one of the rules' counters.
    fn counted(&self, name: &str) -> u64 {
        let answer = done(&mut within("wq-rtr", &["nft", "-j", "list", "counter", "inet", "weir", name]));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["nftables"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|item| item["counter"]["packets"].as_u64())
            .unwrap()
    }

    /// What is in the set, as nft lists it.
    fn set(&self) -> Vec<Value> {
        let answer = done(&mut within("wq-rtr", &["nft", "-j", "list", "set", "inet", "weir", "blocked"]));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let set =
            answer["nftables"].as_array().unwrap().iter().find(|item| item.get("set").is_some()).unwrap();
        set["set"]["elem"].as_array().cloned().unwrap_or_default()
    }

    fn is_blocked(&self) -> bool {
        self.set().iter().any(|element| element["prefix"]["addr"] == "10.31.0.0")
    }

    /// What the audit trail has, oldest first.
    fn audit(&self) -> Vec<String> {
        let history = self.place.json("quota history -o json");
        let entries = history["audit"].as_array().unwrap().iter().rev();
        entries
            .map(|entry| {
                format!("{} {}", entry["subject"].as_str().unwrap(), entry["what"].as_str().unwrap())
            })
            .collect()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        for namespace in NAMESPACES {
            let _ = Command::new("ip").args(["netns", "del", namespace]).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn who_passes_the_quota_cannot_send_and_a_kill_changes_nothing() {
    let test = "who_passes_the_quota_cannot_send_and_a_kill_changes_nothing";
    let Some(mut office) = Office::build(test) else { return };
    std::fs::create_dir(office.place.path("deeds")).unwrap();
    office.configure("1 MB");
    office.start();
    office.export(ACME, 600_000);
    office.export(ZETA, 3_000_000);
    office.until_used("acme", 600_000);
    until("the dry run to speak", || office.log().contains("would block: 10.32.0.0/24 in inet weir blocked"));
    assert_eq!((office.send(ACME, "acme"), office.send(ZETA, "zeta")), ((100, 0), (100, 0)));

    // Over the limit: the kernel drops every packet of acme's and none of zeta's.
    office.export(ACME, 500_000);
    until("acme to be blocked", || office.is_blocked());
    assert_eq!((office.send(ACME, "acme"), office.send(ZETA, "zeta")), ((0, 100), (100, 0)));
    until("the program to have run", || office.place.path("deeds/acme passed 110").is_dir());
    until("the mark", || office.place.json("quota history -o json")["deeds"][0]["state"] == "done");
    let quota = office.place.json("quota acme -o json");
    let acme = named(&quota["quotas"], "tenant", "acme");
    assert_eq!((&acme["used_octets"], &acme["percent"]), (&1_100_000.into(), &110.into()));
    assert_eq!(acme["passed"], serde_json::json!(["50 %", "80 %", "100 %"]));
    assert_eq!(
        (&acme["blocks"][0]["element"], &acme["blocks"][0]["state"]),
        (&"10.31.0.0/24".into(), &"held".into())
    );
    let audit = office.audit();
    let of_acme =
        |what: &str| audit.iter().filter(|entry| **entry == format!("quota fair: acme {what}")).count();
    assert_eq!((of_acme("passed"), of_acme("block"), of_acme("exec")), (3, 1, 1), "{audit:?}");

    // Killed and started again: blocked all the time, and nothing is done a second time.
    office.kill();
    assert_eq!(office.send(ACME, "acme"), (0, 100));
    office.start();
    office.export(ACME, 1000);
    office.until_used("acme", 1_101_000);
    assert_eq!((office.send(ACME, "acme"), office.audit()), ((0, 100), audit.clone()));
    let history = office.place.json("quota history -o json");
    assert_eq!((history["deeds"].as_array().unwrap().len(), &history["deeds"][0]["tries"]), (1, &1.into()));

    // Killed, and the router's rules loaded anew as after a reboot: blocked again, and nothing else.
    office.kill();
    let rules = office.place.path("rules.nft").display().to_string();
    done(&mut within("wq-rtr", &["nft", "flush", "ruleset"]));
    done(&mut within("wq-rtr", &["nft", "-f", &rules]));
    assert_eq!(office.send(ACME, "acme"), (100, 0));
    office.start();
    until("acme to be blocked again", || office.is_blocked());
    assert_eq!((office.send(ACME, "acme"), office.audit()), ((0, 100), audit));

    // Taken back by hand, for good; whoever else stands in the set stays there.
    let wrong = office.place.fails("quota undo nobody --why x", 1);
    assert!(wrong.contains("\"nobody\" is not blocked; blocked are acme"), "{wrong}");
    let said = office.place.done("quota undo 10.31.0.2 --why 'agreed with them'");
    assert_eq!(said, "10.31.0.0/24 is no longer blocked in inet weir blocked\n");
    assert_eq!((office.send(ACME, "acme"), office.set()), ((100, 0), vec!["192.0.2.77".into()]));
    office.export(ACME, 1000);
    office.until_used("acme", 1_102_000);
    assert!(!office.is_blocked());
    assert_eq!(office.audit().last().unwrap(), "quota fair: acme undo");
}

#[test]
fn a_limit_that_is_raised_unblocks() {
    let Some(mut office) = Office::build("a_limit_that_is_raised_unblocks") else { return };
    std::fs::create_dir(office.place.path("deeds")).unwrap();
    office.configure("1 MB");
    office.start();
    office.export(ACME, 1_000_000);
    until("acme to be blocked", || office.is_blocked());
    assert_eq!(office.send(ACME, "acme"), (0, 100));
    office.configure("2 MB");
    office.signal("HUP");
    until("acme to be unblocked", || !office.is_blocked());
    assert_eq!(office.send(ACME, "acme"), (100, 0));
    let text = office.place.done("quota");
    assert!(text.contains("fair") && text.contains("50 %") && text.contains("dry (dry run)"), "{text}");
    // A daemon that is gone: the command does it itself, where it may reach the set.
    office.export(ACME, 1_000_000);
    until("acme to be blocked", || office.is_blocked());
    office.kill();
    let weir = env!("CARGO_BIN_EXE_weir");
    let mut undo = within("wq-rtr", &[weir, "quota", "undo", "acme", "--why", "agreed"]);
    done(undo.current_dir(office.place.path("")).env_remove("WEIR_STORE"));
    assert_eq!((office.is_blocked(), office.send(ACME, "acme")), (false, (100, 0)));
}

#[test]
fn a_block_in_force_follows_a_reload_and_a_restart() {
    let Some(mut office) = Office::build("a_block_in_force_follows_a_reload_and_a_restart") else { return };
    std::fs::create_dir(office.place.path("deeds")).unwrap();
    office.configure("1 MB");
    let whole = std::fs::read_to_string(office.place.path("weir.toml")).unwrap();
    let holds = |office: &Office, addr: &str, len: u64| {
        office.set().iter().any(|one| one["prefix"]["addr"] == addr && one["prefix"]["len"] == len)
    };
    office.start();
    office.export(ACME, 1_000_000);
    until("acme to be blocked", || office.is_blocked());
    assert_eq!(office.send(ACME, "acme"), (0, 100));
    // The address is allowed: it can send, and the rest of its network stays blocked.
    office.place.write("weir.toml", whole.replace("[quotas]", "[quotas]\nallow = [\"10.31.0.2\"]"));
    office.signal("HUP");
    until("the rest of the network", || {
        holds(&office, "10.31.0.128", 25) && !holds(&office, "10.31.0.0", 24)
    });
    assert_eq!(office.send(ACME, "acme"), (100, 0));
    assert!(
        office
            .audit()
            .ends_with(&["quota fair: acme unblock".to_owned(), "quota fair: acme block".to_owned()])
    );
    // No longer allowed, and another network taken, while the daemon is down.
    office.kill();
    let more = whole.replace("[\"10.31.0.0/24\"]", "[\"10.31.0.0/24\", \"10.33.0.0/24\"]");
    assert_ne!(more, whole);
    office.place.write("weir.toml", more);
    office.start();
    until("all of it", || holds(&office, "10.31.0.0", 24) && holds(&office, "10.33.0.0", 24));
    assert_eq!(office.send(ACME, "acme"), (0, 100));
    assert!(!holds(&office, "10.31.0.128", 25));
}
