//! From a finding to the lines that cure it, on the exporter, in `weir.toml`, or on this machine.

use super::finding::Finding;
use super::{Device, Topic, device, devices};
use std::collections::BTreeSet;
use weir_flow::names::Version;

/// Of kinds that are only likely, at most so many are shown.
const LIKELY_MAX: usize = 3;

/// Where something must be done, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cure {
    /// A kind of exporter, `weir.toml`, or `this machine`.
    pub(crate) on: String,
    /// Lines to be copied.
    pub(crate) lines: String,
}

/// Whose makes the elements of an enterprise are (IANA Private Enterprise Numbers).
const MAKERS: &[(u32, &[&str])] = &[
    (9, &["cisco-ios-xe", "cisco-ios", "cisco-ios-xr", "cisco-nx-os"]),
    (2636, &["junos", "junos-srx"]),
    (14_988, &["mikrotik"]),
    (2011, &["huawei"]),
    (25_461, &["palo-alto"]),
    (12_356, &["fortinet"]),
    (30_065, &["arista"]),
    (6527, &["nokia"]),
    (6876, &["openvswitch"]),
    (35_632, &["nprobe"]),
    (43_874, &["pmacctd"]),
    (41_112, &["ubiquiti-unifi", "ubiquiti-edgeos"]),
];

/// The kinds an exporter is likely to be, by the enterprises whose elements it uses, else by what it speaks.
pub(crate) fn likely(versions: &BTreeSet<Version>, enterprises: &BTreeSet<u32>) -> Vec<&'static Device> {
    let made = MAKERS.iter().filter(|(number, _)| enterprises.contains(number)).flat_map(|(_, kinds)| *kinds);
    let mut kinds: Vec<&str> = made.copied().collect();
    if kinds.is_empty() {
        kinds = match versions.iter().next_back() {
            Some(Version::Sflow) => vec!["arista", "hp-procurve", "hsflowd"],
            Some(Version::Ipfix) => vec!["junos", "cisco-ios-xe", "vyos"],
            Some(Version::V9) | None => vec!["cisco-ios-xe", "mikrotik", "fortinet"],
            Some(_) => vec!["cisco-ios-classic", "mikrotik", "softflowd"],
        };
    }
    kinds.into_iter().filter_map(device).take(LIKELY_MAX).collect()
}

/// Which exporters are shown cures for.
#[derive(Debug, Clone)]
pub(crate) enum Kinds {
    /// Those it is likely to be.
    Likely,
    /// The one the operator said.
    One(&'static str),
    /// All there are.
    All,
}

impl Kinds {
    fn of(&self, likely: &[&'static Device]) -> Vec<&'static Device> {
        match self {
            Self::Likely => likely.to_vec(),
            Self::One(name) => device(name).into_iter().collect(),
            Self::All => devices().collect(),
        }
    }
}

/// The cures of a finding at an exporter of this address: first what is done here, then on the exporter.
pub(crate) fn cures(
    finding: &Finding,
    address: &str,
    kinds: &Kinds,
    likely: &[&'static Device],
) -> Vec<Cure> {
    let mut cures: Vec<Cure> =
        here(finding, address).into_iter().map(|(on, lines)| Cure { on: on.to_owned(), lines }).collect();
    let devices = kinds.of(likely);
    // What is silent is looked at; on guesses that would be many lines for little.
    if matches!(finding, Finding::Silent { .. }) && !matches!(kinds, Kinds::Likely) {
        let look = devices.iter().map(|d| Cure { on: d.name.to_owned(), lines: d.check.join("\n") });
        cures.extend(look);
    }
    if let Some(topic) = finding.topic() {
        let lines = devices.iter().filter_map(|d| Some((d, d.cure(topic)?)));
        // Who cannot be told of its sampling may still be told not to sample: only if it is sure to be that.
        let is_of_use = |d: &Device| topic != Topic::Sampling || d.tells.sampling || devices.len() == 1;
        cures.extend(
            lines
                .filter(|(d, _)| is_of_use(d))
                .map(|(d, lines)| Cure { on: d.name.to_owned(), lines: lines.to_owned() }),
        );
    }
    cures
}

const TOML: &str = "weir.toml";
const MACHINE: &str = "this machine";

/// What is done on our side.
fn here(finding: &Finding, address: &str) -> Vec<(&'static str, String)> {
    let exporter = |more: &str| format!("[[exporter]]\naddress = \"{address}\"\n{more}");
    match finding {
        Finding::UnknownSampling { .. } => vec![(TOML, exporter("sampling = 1000     # 1 packet in so many, as it is set on the exporter"))],
        Finding::SamplingNotSaid { .. } => vec![(TOML, exporter("sampling = 1        # it measures every packet; else 1 packet in so many"))],
        Finding::NewExporter => vec![(TOML, exporter("name = \"core\"       # what you call it"))],
        Finding::SocketDrops { .. } => vec![(
            MACHINE,
            "sysctl -w net.core.rmem_max=67108864\n\
             echo 'net.core.rmem_max = 67108864' > /etc/sysctl.d/60-weir.conf     # then restart weir run"
                .to_owned(),
        )],
        Finding::Discarded { .. } => vec![(
            MACHINE,
            "weir usage     # `discarded` says why; for a full disk: disk = \"…\" of [store], or a larger one".to_owned(),
        )],
        Finding::Loss { .. } => vec![(
            MACHINE,
            "nstat -az UdpRcvbufErrors UdpInErrors     # 0: it was lost before this machine, on the way or at the exporter"
                .to_owned(),
        )],
        Finding::CountedTwice(twice) if twice.is_one_exporter => vec![(
            TOML,
            format!(
                "[[exporter]]\naddress = \"{}\"\ncount = \"ingress\"   # or the interfaces that are accounted: count = [\"wan\"]",
                twice.exporter
            ),
        )],
        Finding::CountedTwice(twice) => vec![(
            TOML,
            format!(
                "[[exporter]]\naddress = \"{}\"\ncount = \"none\"      # another exporter tells the same; or the interfaces that only it sees",
                twice.exporter
            ),
        )],
        Finding::Undecodable { .. } | Finding::Malformed { .. } => vec![(
            MACHINE,
            format!("tcpdump -ni any -w undecodable.pcap host {address} and udp     # what it sends; weir import undecodable.pcap says where it is wrong"),
        )],
        Finding::Refused { reason, .. } if reason == "not_allowed" => {
            vec![(TOML, exporter("name = \"core\"       # and in the list of who may speak, if it may"))]
        }
        Finding::RewrittenSource { .. } => vec![(
            MACHINE,
            "docker run --network host …     # or \"userland-proxy\": false in /etc/docker/daemon.json; proxies must keep the source"
                .to_owned(),
        )],
        Finding::Silent { .. } => vec![(MACHINE, format!("tcpdump -ni any -c 5 host {address} and udp     # does it send at all?"))],
        Finding::AllSilent { .. } => {
            vec![(MACHINE, "ss -ulnp | grep weir     # does it listen, and where?\ntcpdump -ni any -c 5 udp port 2055".to_owned())]
        }
        Finding::PutAside { .. } => vec![(
            MACHINE,
            "journalctl -k -g 'I/O error|EXT4-fs|XFS|ECC'     # disk or memory? once looked at, remove the files: nothing reads them"
                .to_owned(),
        )],
        Finding::Saturated { .. } => vec![("cisco-ios", "flow record WEIR4\n collect counter bytes long\n collect counter packets long".to_owned())],
        _ => Vec::new(),
    }
}
