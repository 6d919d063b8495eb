//! nfdump beside weir: the same datagrams through nfcapd and through `weir import`, and the same filters over both. Each must
//! find as many records.

use crate::daemon::{free_port, until};
use crate::flowgen;
use crate::run::{Place, number};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// nfdump's filter, and ours; nothing where nfdump's own text is given to both.
///
/// Not here: `icmp-type`, because nfdump takes a destination port that was not said for type 0; ports that may be 0, for
/// the same reason; and `net A MASK`, for which nfdump 1.7.1 finds more than for the same prefix.
const SAME: &[(&str, &str)] = &[
    ("any", ""),
    ("ipv4", ""),
    ("ipv6", ""),
    ("inet", ""),
    ("inet6", ""),
    ("not ipv6", ""),
    ("proto tcp", ""),
    ("proto udp", ""),
    ("proto icmp", ""),
    ("proto icmp6", ""),
    ("proto 6", ""),
    ("proto 17", ""),
    ("not proto tcp", ""),
    ("proto gre or proto esp", ""),
    ("proto tcp and src port 443", ""),
    ("proto tcp and (src port 443 or dst port 443)", ""),
    ("PROTO UDP AND DST PORT 53", ""),
    ("port 53", ""),
    ("port 80", ""),
    ("port 443", ""),
    ("port 22", ""),
    ("src port 53", ""),
    ("dst port 53", ""),
    ("src port 443", ""),
    ("dst port 443", ""),
    ("proto tcp and port > 1023", ""),
    ("proto tcp and port < 1024", ""),
    ("proto tcp and port >= 80", ""),
    ("proto tcp and port <= 80", ""),
    ("proto tcp and src port > 50000", ""),
    ("proto tcp and dst port < 100", ""),
    ("proto tcp and src port > 1023 and dst port > 1023", ""),
    ("proto tcp and src port EQ 443", ""),
    ("proto tcp and src port LT 1024", ""),
    ("proto tcp and dst port GE 1024", ""),
    ("port = 123", ""),
    ("port == 123", ""),
    ("port in [53 80 443]", ""),
    ("port in [53, 80, 443]", ""),
    ("src port in [53 123]", ""),
    ("dst port in [22 3389]", ""),
    ("not port 443", ""),
    ("not src port 443", ""),
    ("not dst port in [80 443]", ""),
    ("src net 10.0.0.0/8", ""),
    ("dst net 10.0.0.0/8", ""),
    ("net 10.0.0.0/8", ""),
    ("net 192.168.0.0/16", ""),
    ("src net 192.168.0.0/16", ""),
    ("dst net 192.168.0.0/16", ""),
    ("src net 192.168.35.0/24", ""),
    ("net 192.168.36.0/24", ""),
    ("src net 192.168.0.0 255.255.0.0", ""),
    ("net 2001:db8::/32", ""),
    ("src net 2001:db8::/32", ""),
    ("ip in [10.0.0.0/8 192.168.35.0/24]", ""),
    ("src ip in [192.168.35.0/24 192.168.36.0/24]", ""),
    ("ip 192.168.35.28", ""),
    ("host 192.168.35.28", ""),
    ("src ip 192.168.35.28", ""),
    ("dst ip 192.168.35.28", ""),
    ("src host 192.168.35.28", ""),
    ("not net 192.168.0.0/16", ""),
    ("not src net 192.168.0.0/16", ""),
    ("bytes > 1000", ""),
    ("bytes > 1k", ""),
    ("bytes > 10k", ""),
    ("bytes > 100k", ""),
    ("bytes > 1m", ""),
    ("bytes < 100", ""),
    ("bytes < 1k", ""),
    ("bytes >= 1500", ""),
    ("bytes <= 1500", ""),
    ("bytes = 40", ""),
    ("in bytes > 10k", ""),
    ("packets = 1", ""),
    ("packets > 1", ""),
    ("packets > 10", ""),
    ("packets > 1k", ""),
    ("packets < 5", ""),
    ("packets EQ 2", ""),
    ("packets GT 100", ""),
    ("packets LE 3", ""),
    ("in packets > 10", ""),
    ("duration > 1000", "duration > 1000ms"),
    ("duration > 10000", "duration > 10000ms"),
    ("duration > 60000", "duration > 60000ms"),
    ("duration = 0", ""),
    ("duration < 60000", "duration < 60000ms"),
    ("duration <= 1", "duration <= 1ms"),
    ("pps > 1", ""),
    ("pps > 10", ""),
    ("pps > 100", ""),
    ("bps > 1000", ""),
    ("bps > 100k", ""),
    ("bps > 1m", ""),
    ("bps >= 5k", ""),
    ("bpp > 100", ""),
    ("bpp > 1000", ""),
    ("bpp < 100", ""),
    ("bpp = 40", ""),
    ("bpp >= 576", ""),
    ("flags S", ""),
    ("flags A", ""),
    ("flags F", ""),
    ("flags R", ""),
    ("flags P", ""),
    ("flags U", ""),
    ("flags SA", ""),
    ("flags SAF", ""),
    ("flags S and not flags A", ""),
    ("flags S and not flags F", ""),
    ("not flags S", ""),
    ("not flags R", ""),
    ("not flags S and proto tcp", ""),
    ("flags F and flags R", ""),
    ("flags S and not flags AFRPU", "flags S/SAFRPU"),
    ("tos 184", ""),
    ("tos 40", ""),
    ("if 1", ""),
    ("in if 1", ""),
    ("out if 1", ""),
    ("in if 2", ""),
    ("not in if 1", ""),
    ("out if 3 or in if 3", ""),
    ("src mask 24", ""),
    ("dst mask 24", ""),
    ("mask 24", ""),
    ("mask 20", ""),
    ("src mask 16", ""),
    ("router ip 127.0.0.1", ""),
    ("not router ip 127.0.0.1", ""),
    ("proto tcp and bytes > 10k", ""),
    ("proto tcp and bytes > 10k and dst port 443", ""),
    ("proto udp and not port 53", ""),
    ("(proto tcp or proto udp) and port 443", ""),
    ("proto tcp and not (port 80 or port 443)", ""),
    ("not (proto tcp or proto udp)", ""),
    ("not (proto tcp and port 443)", ""),
    ("proto tcp or proto udp and port 53", ""),
    ("src net 192.168.0.0/16 and dst port 443 and packets > 10", ""),
    ("dst net 192.168.0.0/16 and src port 443", ""),
    (
        "(src net 192.168.0.0/16 and dst net 10.0.0.0/8) or (src net 10.0.0.0/8 and dst net 192.168.0.0/16)",
        "",
    ),
    ("ipv6 and proto tcp", ""),
    ("ipv6 and port 443", ""),
    ("bytes > 1k and bytes < 2k", ""),
    ("packets > 10 and packets < 20", ""),
    ("duration > 1000 and bps > 10k", "duration > 1000ms and bps > 10k"),
    ("proto tcp && port 443", ""),
    ("proto tcp || port 53", ""),
    ("proto udp and (port 53 or port 123 or port 443)", ""),
    ("src port 443 and dst port > 30000 and dst port < 40000", ""),
    ("flags S and flags A and bytes > 10k", ""),
    ("proto icmp and bytes > 100", ""),
    ("src net 0.0.0.0/0", ""),
    ("net 0.0.0.0/1", ""),
    ("proto tcp # comment", ""),
    ("ipv4 and not proto tcp and not proto udp", ""),
    // To nfdump a flow without flags has none of them; to weir its flags are unknown.
    ("proto tcp and not flags SA", "flags 0/SA"),
    ("proto tcp and not (flags SA)", "flags 0/SA"),
    ("proto tcp and not flags AFR", "flags 0/AFR"),
    ("flags 2", "flags = 2"),
    ("flags 27", "flags = 27"),
    (
        "src net 192.168.0.0/16 and not dst net 192.168.0.0/16 and bytes > 1k",
        "src in [192.168.0.0/16] and not dst 192.168.0.0/16 and octets > 1000",
    ),
    ("proto tcp and bpp > 500", "tcp and octets/packets > 500"),
    (
        "(src port 53 and proto udp) or (src port 443 and proto tcp)",
        "udp src port domain or tcp src port https",
    ),
    ("proto udp and (dst port 53 or dst port 123)", "udp dst port 53 or 123"),
    ("proto tcp and (port 80 or port 443)", "tcp port 80 or 443"),
    ("not ipv6 and bytes > 5k", "ip and bytes gt 5k"),
    ("proto udp and ipv6", "ip6 proto udp"),
    ("proto tcp and dst port > 0 and dst port < 1025", "tcp dst portrange 1-1024"),
    ("src net 172.16.0.0/12 or dst net 172.16.0.0/12", "net 172.16/12"),
    ("net 192.168.0.0/16", "net 192.168"),
    ("flags S and proto tcp", "tcp[tcpflags] & tcp-syn != 0"),
    ("flags R or flags F", "tcp[tcpflags] & (tcp-rst|tcp-fin) != 0"),
    ("flags SA", "tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)"),
    ("bytes < 2000 and bytes > 999", "octets 1000..1999"),
    ("duration > 1999 and duration < 5001", "duration in [2s..5s]"),
    ("packets = 1 or packets = 3", "packets in [1, 3]"),
    ("not (packets = 1 or packets = 3)", "packets not in [1, 3]"),
    ("in if 1 or in if 2", "in if [1, 2]"),
    ("tos 184", "dscp ef"),
];

const FLOWS: u64 = 5000;

#[test]
fn nfdump_finds_as_many() {
    let test = "nfdump_finds_as_many";
    let place = Place::new();
    let Some(nfdump) = weir_testkit::program("nfdump") else {
        return weir_testkit::skip(test, "nfdump is not installed");
    };
    if flowgen::generate(test, &place, "v9", FLOWS, 3).is_none() {
        return;
    }
    let Some(files) = collected(test, &place) else { return };
    place.done("import export.pcap");
    let (mut wrong, mut found_any) = (Vec::new(), 0);
    for (theirs, ours) in SAME {
        let ours = if ours.is_empty() { theirs } else { ours };
        let listed = Command::new(&nfdump)
            .args(["-q", "-o", "fmt:%byt", "-R"])
            .arg(&files)
            .arg(theirs)
            .output()
            .unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(!listed.contains("Line 1"), "nfdump {theirs}: {listed}");
        let expected =
            listed.lines().filter(|line| line.trim().starts_with(|c: char| c.is_ascii_digit())).count();
        // Comments end the line that the shell's words are put on.
        let top = place.json(&format!("top protocol_version -o json '{ours}'"));
        let found = number(&top, "total.flows");
        if found != expected as u64 {
            wrong.push(format!("{theirs}: nfdump {expected}, weir {found} for {ours}"));
        }
        found_any += u32::from(expected > 0);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(SAME.len() >= 150 && found_any > 140, "{found_any} of {}", SAME.len());
}

/// What nfcapd wrote of the datagrams in `export.pcap`.
fn collected(test: &str, place: &Place) -> Option<PathBuf> {
    let Some(nfcapd) = weir_testkit::program("nfcapd") else {
        weir_testkit::skip(test, "nfcapd is not installed");
        return None;
    };
    let (to, folder) = (free_port(), place.path("nfcapd"));
    std::fs::create_dir(&folder).unwrap();
    let mut child = Command::new(nfcapd)
        .args(["-b", "127.0.0.1", "-B", "8000000", "-p", &to.port().to_string(), "-w"])
        .arg(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let port = format!(":{:04X} ", to.port());
    until("nfcapd to listen", || std::fs::read_to_string("/proc/net/udp").unwrap().contains(&port));
    place.done(&format!("send export.pcap --to {to} --pps 500"));
    // Nothing waits in its socket any more.
    until("nfcapd to read all", || {
        let sockets = std::fs::read_to_string("/proc/net/udp").unwrap();
        let waiting = sockets
            .lines()
            .find(|line| line.contains(&port))
            .and_then(|line| line.split(' ').find(|word| word.len() == 17));
        waiting.is_some_and(|queues| queues.ends_with(":00000000"))
    });
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    child.wait().unwrap();
    let said = Command::new("nfdump").arg("-I").arg("-R").arg(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains(&format!("\nFlows: {FLOWS}\n")), "{said}");
    Some(folder)
}
