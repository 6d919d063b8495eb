use super::*;

const WHOLE: &str = r#"
[store]
path = "/var/lib/weir"
disk = "200 GB"

[cache]
size = "1 GB"

[[rollup]]
name = "as-by-hour"
keys = ["src_as", "dst_as", "src/24", "dst/16/40"]
width = "1h"
keep = "5 years"

[[listen]]
udp = "[::]:2055"
workers = 2
cpus = [0, 1]

[[listen]]
udp = "0.0.0.0:9995"
tcp = "[::]:4739"
idle_s = 600

[[listen]]
tls = "[::]:4740"
certificate = "tls.crt"
key = "a \"quoted\".key"
client_ca = "ca.crt"
connections = 100

[[listen]]
sctp = "192.0.2.9:4739"

[collect]
allow = ["198.51.100.0/24", "2001:db8::/32"]
datagrams_per_second = 5000
templates_per_exporter = 100

[web]
listen = "127.0.0.1:9559"

[sql]
listen = "127.0.0.1:5432"
users = { grafana = "/etc/weir/grafana.password" }
certificate = "/etc/weir/sql.crt"
key = "/etc/weir/sql.key"
connections = 4
memory = "256 MiB"
spill = "1 GB"
seconds = 60

[limits]
memory = "2 GiB"

[[relay]]
to = ["192.0.2.90:2055", "[2001:db8::9]:2055"]
mode = "balance"
exporters = ["core", "192.0.2.0/24", "198.51.100.7"]
source = "keep"

[[relay]]
to = ["192.0.2.91:4739"]
as = "ipfix"
mtu = 1200

[[exporter]]
name = "core"
address = "192.0.2.1"
sampling = 100
count = ["vlan31", 32]
interfaces = { vlan31 = 31 }

[[tenant]]
name = "avtotrade"
networks = ["192.168.31.0/24", "2001:db8:31::/64"]
mail = ["rent@example.com"]

[[tenant]]
name = "inner \"shop\""
networks = ["192.168.31.128/25"]
nested = true

[accounting]
own = ["192.168.0.0/16"]
sampling_default = 1

[billing]
zone = "Europe/Berlin"
day = 31
unit = 1024
"#;

#[test]
fn the_whole_file_is_understood() {
    let config = read(WHOLE).unwrap();
    assert_eq!(config.budget.bytes, Some(200_000_000_000));
    let listeners: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    let expected =
        ["udp [::]:2055", "udp 0.0.0.0:9995", "tcp [::]:4739", "tls [::]:4740", "sctp 192.0.2.9:4739"];
    assert_eq!(listeners, expected);
    let limits: Vec<_> = config.listen.iter().map(|l| (l.connections, l.idle_s)).collect();
    assert_eq!(limits[2..], [(512, 600), (100, 3600), (512, 3600)]);
    let threads: Vec<_> = config.listen.iter().map(|l| (l.workers, l.cpus.len())).collect();
    assert_eq!(threads, [(2, 2), (1, 0), (1, 0), (1, 0), (1, 0)]);
    assert!(!config.listens_by_default && read("").unwrap().listens_by_default);
    assert_eq!(config.collect.datagrams_per_second, Some(5000));
    assert_eq!(config.settings(Realm::Live).templates_max, Some(100));
    let [copies, converts] = &config.relays[..] else { panic!("two relays") };
    assert_eq!((copies.mode, copies.source, copies.format), (Mode::Balance, Source::Keep, None));
    let takes =
        ["192.0.2.1", "192.0.2.77", "198.51.100.7", "198.51.100.8"].map(|a| copies.takes(a.parse().unwrap()));
    assert_eq!(takes, [true, true, true, false]);
    assert_eq!(
        (converts.mode, converts.source, converts.format),
        (Mode::All, Source::Own, Some(Format::Ipfix))
    );
    assert_eq!((converts.mtu, converts.takes("203.0.113.1".parse().unwrap())), (1200, true));
    assert_eq!(config.exporters[0].count, Count::Interfaces([31, 32].into()));
    let attribution = config.attribution();
    let who = |addr: &str| attribution.tenant(Addr::UNSPECIFIED, addr.parse().unwrap(), 0);
    assert_eq!(["192.168.31.200", "192.168.31.2"].map(who), [Some("inner \"shop\""), Some("avtotrade")]);
    assert_eq!(config.settings(Realm::Live).sampling.get(&"192.0.2.1".parse().unwrap()), Some(&100));
    assert_eq!((config.zone.name(), config.day), ("Europe/Berlin", 31));
}

#[test]
fn the_dump_reads_back_to_itself() {
    let dump = read(WHOLE).unwrap().dump();
    assert_eq!(read(&dump).unwrap().dump(), dump);
    let default = Config::default().dump();
    assert_eq!(read(&default).unwrap().dump(), default);
}

/// The example of docs/tariffs.md.
fn tariff_example() -> &'static str {
    let page = include_str!("../../../../docs/tariffs.md");
    page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0
}

#[test]
fn the_example_of_a_tariff_is_understood_and_dumped() {
    let config = read(tariff_example()).unwrap();
    let tariff = &config.tariffs[0];
    let names: Vec<&str> = tariff.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["line", "traffic in", "by night", "95th", "installation"]);
    assert_eq!(config.tenants.get("avtotrade").unwrap().tariff.as_deref(), Some("standard"));
    let again = read(&config.dump()).unwrap();
    assert_eq!(again.tariffs, config.tariffs);
    assert_eq!(again.dump(), config.dump());
}

#[test]
fn mistakes_about_tariffs() {
    let tariff = |rest: &str| mistakes(&format!("[[tariff]]\nname = \"t\"\ncurrency = \"EUR\"\n{rest}"));
    let rule = |rest: &str| tariff(&format!("[[tariff.rule]]\nname = \"r\"\n{rest}"));
    assert_eq!(
        mistakes("[[tariff]]\nname = \"t\"\ncurrency = \"euro\"\n"),
        ["w:3: \"euro\" is no currency; write three capital letters, as \"EUR\""]
    );
    assert_eq!(rule("flat = \"1,50\"\n"), ["w:6: flat is no exact amount; write flat = \"0.08\""]);
    assert_eq!(
        rule("per = \"GB\"\nprice = \"1\"\ntiers = [{ price = \"1\" }]\n"),
        [
            "w:4: what a unit costs is not clear; write price, or allowance and price, or tiers; not tiers beside one of the others"
        ]
    );
    assert_eq!(
        rule("per = \"GB\"\ntiers = [{ up_to = \"1 GB\", price = \"1\" }]\n"),
        [
            "w:1: rule \"r\" of the tariff: its last tier has an end: leave `up_to` out there; see docs/tariffs.md"
        ]
    );
    assert_eq!(
        rule("per = \"GB\"\nprice = \"1\"\nhours = \"8-18\"\n"),
        [
            "w:8: these are no hours of a week; write hours = \"08:00-18:00\" and weekdays = \"mon-fri\" or \"sat,sun\""
        ]
    );
    assert_eq!(
        mistakes("[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\ntariff = \"gold\"\n"),
        ["w:4: there is no tariff \"gold\"; add [[tariff]] with name = \"gold\""]
    );
}

#[test]
fn mistakes_about_workers() {
    let text = "[[listen]]\nudp = \"[::]:2055\"\nworkers = 0\ncpus = [0, 0, 5000]\n\
                [[listen]]\ntcp = \"[::]:4739\"\nworkers = 2\ncpus = []\n";
    let expected = [
        "w:3: workers is no whole number from 1 to 64; 1 is what is taken without it",
        "w:4: the processor 0 stands here twice; take one out",
        "w:4: this is no number of a processor; write for example cpus = [0, 1]",
        "w:7: workers without udp; write udp = \"[::]:2055\", or take it out: connections have one thread",
        "w:8: cpus is empty: there would be nowhere to run; write for example cpus = [0, 1]",
    ];
    assert_eq!(mistakes(text), expected);
}

/// What `check` prints for a text, without the file's name.
fn mistakes(text: &str) -> Vec<String> {
    let path = std::path::Path::new("w");
    let mistakes = read(text).unwrap_err();
    mistake::render(path, text, &mistakes).lines().map(str::to_owned).collect()
}

#[test]
fn every_mistake_is_said_with_its_line_and_a_cure() {
    let text = r#"[store]
pth = "/x"
[[exporter]]
name = "core"
adress = "192.0.2.1"
[[exporter]]
address = "192.0.2.300"
count = ["wan"]
[[tenant]]
name = "a"
networks = ["10.0.0.0/8", "10.0.0.1/8"]
[[tenant]]
name = "b"
networks = ["10.1.0.0/16"]
[billing]
zone = "Europe/Berlim"
day = 32
unit = 1
"#;
    let got = mistakes(text);
    let expected = [
        "w:2: unknown key \"pth\" in [store]; did you mean \"path\"?",
        "w:3: [[exporter]] has no address; add address = \"192.0.2.1\"",
        "w:5: unknown key \"adress\" in [[exporter]]; did you mean \"address\"?",
        "w:7: \"192.0.2.300\" is no address; write an IPv4 or IPv6 address, as \"192.0.2.1\"",
        "w:8: the interface \"wan\" has no number; add interfaces = { wan = 31 } with its ifIndex, or write the number",
    ];
    assert_eq!(&got[..5], expected);
    assert!(got[5].starts_with("w:11: ") && got[5].contains("10.0.0.0/8"), "{}", got[5]);
    assert!(got[6].starts_with("w:14: ") && got[6].contains("nested = true"), "{}", got[6]);
    assert!(got[7].starts_with("w:16: there is no time zone \"Europe/Berlim\"; did you mean"), "{}", got[7]);
    assert_eq!(
        got[8],
        "w:17: day is no whole number from 1 to 31; 29 to 31 mean the month's end where it is shorter"
    );
    assert_eq!(got[9], "w:18: unit is neither 1000 nor 1024; write unit = 1000 or unit = 1024");
    assert_eq!(got.len(), 10);
}

#[test]
fn a_broken_file_names_its_line() {
    let got = mistakes("[store]\npath = \n");
    assert!(got[0].starts_with("w:2: "), "{got:?}");
}

#[test]
fn a_key_said_twice_is_named() {
    let found = mistakes("[billing]\nzone = \"Europe/Berlin\"\nzone = \"UTC\"\n");
    assert_eq!(found, ["w:3: duplicate key \"zone\"; see https://toml.io for the syntax"]);
}

#[test]
fn mistakes_about_listeners_and_relays() {
    let text = r#"[[listen]]
tcp = "4739"
[[listen]]
tls = "[::]:4740"
key = "tls.key"
[[listen]]
udp = "[::]:2055"
certifcate = "x"
client_ca = "ca.crt"
[[listen]]
idle_s = 0
[[listen]]
udp = "[::]:2055"
[collect]
only_declared = true
allow = ["192.0.2.0/24"]
datagrams_per_secnd = 10
[[exporter]]
name = "core"
address = "192.0.2.1"
[[relay]]
to = ["127.0.0.1:2055", "192.0.2.9", "192.0.2.9:1", "192.0.2.9:1"]
mode = "balanced"
exporters = ["cor"]
mtu = 1400
[[relay]]
as = "netflow7"
"#;
    let expected = [
        "w:2: \"4739\" is no address and port to listen on; write for example \"[::]:4739\" or \"0.0.0.0:4739\"",
        "w:3: [[listen]] over tls has no certificate; add certificate = \"/etc/weir/tls.crt\"",
        "w:8: unknown key \"certifcate\" in [[listen]]; did you mean \"certificate\"?",
        "w:9: client_ca without tls; write tls = \"[::]:4740\", or take it out",
        "w:10: [[listen]] has no udp; add udp = \"[::]:2055\", or tcp, tls or sctp with an address",
        "w:11: idle_s is no whole number from 1 to 604800; 3600 is what is taken without it",
        "w:12: there are two listeners on udp [::]:2055; take one out",
        "w:16: only_declared hears nobody but the [[exporter]] entries, allow hears more; take allow out, or only_declared",
        "w:17: unknown key \"datagrams_per_secnd\" in [collect]; did you mean \"datagrams_per_second\"?",
        "w:22: 127.0.0.1:2055 is our own listener udp [::]:2055: datagrams would go round for ever; relay to another \
         collector, or to another port",
        "w:22: \"192.0.2.9\" is no address and port to send to; write for example \"192.0.2.9:2055\" or \
         \"[2001:db8::9]:2055\"",
        "w:22: 192.0.2.9:1 is named twice; take one out",
        "w:23: mode = \"balanced\" is not known; did you mean \"balance\"?",
        "w:24: there is no exporter \"cor\"; did you mean \"core\"?",
        "w:25: mtu without as; take it out, or say as = \"ipfix\": datagrams that go as they came keep their size",
        "w:26: [[relay]] has no to; add to = [\"192.0.2.9:2055\"]",
        "w:27: as = \"netflow7\" is not known; did you mean \"netflow5\"?",
    ];
    assert_eq!(mistakes(text), expected);
    assert_eq!(mistakes("[collect]\nallow = []\n").len(), 1);
    assert_eq!(mistakes("[[relay]]\nto = []\n").len(), 1);
}

#[test]
fn mistakes_about_sql() {
    let users = "users = { grafana = \"/x\" }\n";
    let sql = |rest: &str| mistakes(&format!("[sql]\n{users}{rest}"));
    assert_eq!(
        mistakes("[sql]\n"),
        [
            "w:1: [sql] has no listen; add listen = \"127.0.0.1:5432\", or take [sql] out",
            "w:1: [sql] has no users; add users = { grafana = \"/etc/weir/grafana.password\" }: a file with nothing in it \
             but the password",
        ]
    );
    assert_eq!(
        sql("listen = \"192.0.2.9:5432\"\ninsecure = false\n"),
        [
            "w:3: 192.0.2.9:5432 is open to others, and answers would go in the clear; add certificate and key, or \
             listen on 127.0.0.1 behind a tunnel, or write insecure = true"
        ]
    );
    assert_eq!(
        sql("listen = \"[::1]:5432\"\nkey = \"/k\"\nmemory = \"1 MiB\"\n"),
        [
            "w:1: [sql] has no certificate; add certificate = \"/etc/weir/sql.crt\"",
            "w:5: \"1 MiB\" is no amount, or too little; write memory = \"512 MiB\" for example",
        ]
    );
    for open in ["insecure = true\n", "certificate = \"/c\"\nkey = \"/k\"\n"] {
        let text = format!("[sql]\n{users}listen = \"[::]:5432\"\n{open}");
        assert_eq!(read(&text).unwrap().sql.map(|sql| sql.listen.port()), Some(5432));
    }
}
