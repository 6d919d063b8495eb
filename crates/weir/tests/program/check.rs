//! Configurations, right and wrong: every mistake is told with file, line and cure.

use crate::daemon::{Daemon, until};
use crate::run::Place;
use std::fs;

/// A mistake: its line, what must be said of it, and what of the cure.
type Mistake = (usize, &'static str, &'static str);

/// Wrong configurations, and the mistakes in each.
const WRONG: &[(&str, &[Mistake])] = &[
    ("[store]\npaht = \"x\"\n", &[(2, "unknown key \"paht\" in [store]", "did you mean \"path\"?")]),
    ("[stor]\npath = \"x\"\n", &[(1, "unknown key \"stor\"", "did you mean \"store\"?")]),
    ("[store]\npath = 5\n", &[(2, "path is no text", "write path = \"…\" in quotes")]),
    ("[store]\ndisk = \"much\"\n", &[(2, "\"much\" is no amount of disk", "write for example \"200 GB\"")]),
    ("[store]\ndisk = \"200\"\n", &[(2, "\"200\" has no unit", "write for example \"200 GB\"")]),
    ("# one\n[store\n", &[(2, "unclosed table", "https://toml.io")]),
    ("[store]\npath = \"x\"\npath = \"y\"\n", &[(3, "duplicate key", "https://toml.io")]),
    ("[[listen]]\nudp = \"2055\"\n", &[(2, "\"2055\" is no address and port", "\"[::]:2055\"")]),
    ("\n[[listen]]\n", &[(2, "[[listen]] has no udp", "add udp = \"[::]:2055\"")]),
    (
        "[[exporter]]\nname = \"core\"\nadress = \"192.0.2.1\"\n",
        &[
            (1, "[[exporter]] has no address", "add address = \"192.0.2.1\""),
            (3, "unknown key \"adress\"", "did you mean \"address\"?"),
        ],
    ),
    (
        "[[exporter]]\naddress = \"192.0.2.300\"\n",
        &[(2, "\"192.0.2.300\" is no address", "as \"192.0.2.1\"")],
    ),
    (
        "[[exporter]]\nname = \"a\"\naddress = \"192.0.2.1\"\n\n[[exporter]]\nname = \"b\"\naddress = \"192.0.2.1\"\n",
        &[(5, "exporters \"a\" and \"b\" have the address 192.0.2.1", "take one out")],
    ),
    (
        "[[exporter]]\naddress = \"192.0.2.1\"\ncount = [\"vlan31\"]\n",
        &[(3, "the interface \"vlan31\" has no number", "add interfaces = { vlan31 = 31 }")],
    ),
    (
        "[[exporter]]\naddress = \"192.0.2.1\"\nsampling = 0\n",
        &[(3, "sampling is no whole number from 1", "write 100")],
    ),
    (
        "[[exporter]]\naddress = \"192.0.2.1\"\ncount = \"both\"\n",
        &[(3, "count = \"both\" is no rule", "\"ingress\", \"egress\" or \"none\"")],
    ),
    (
        "[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/33\"]\n",
        &[(3, "\"10.0.0.0/33\" is no network", "a length from 0 to 32")],
    ),
    (
        "[[tenant]]\nname = \"a\"\nnetworks = [\n  \"10.1.0.0/16\",\n  \"10.2.0.1/24\",\n]\n",
        &[(5, "\"10.2.0.1/24\" has bits set past its length", "the network is \"10.2.0.0/24\"")],
    ),
    (
        "[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\n\n[[tenant]]\nname = \"b\"\nnetworks = [\"10.1.0.0/16\"]\n",
        &[(7, "10.1.0.0/16 of \"b\" lies inside 10.0.0.0/8 of \"a\"", "`nested = true`")],
    ),
    (
        "[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\n\n[[tenant]]\nname = \"b\"\nnetworks = [\"10.0.0.0/8\"]\n",
        &[(7, "10.0.0.0/8 belongs to both \"a\" and \"b\"", "take it out of one")],
    ),
    (
        "[[tenant]]\nname = \"a\"\nnetworks = [\"10.1.0.0/16\"]\n\n[[tenant]]\nname = \"a\"\nnetworks = [\"10.2.0.0/16\"]\n",
        &[(5, "there are two tenants \"a\"", "another name")],
    ),
    ("[[tenant]]\nnetworks = [\"10.0.0.0/8\"]\n", &[(1, "[[tenant]] has no name", "add name = ")]),
    ("[[tenant]]\nname = \"\"\nnetworks = [\"10.0.0.0/8\"]\n", &[(1, "a tenant has no name", "give it one")]),
    (
        "[billing]\nzone = \"Berlin\"\nday = 32\nunit = 100\n",
        &[
            (2, "there is no time zone \"Berlin\"", "did you mean \"Europe/Berlin\"?"),
            (3, "day is no whole number from 1 to 31", "the month's end"),
            (4, "unit is neither 1000 nor 1024", "write unit = 1000 or unit = 1024"),
        ],
    ),
];

#[test]
fn every_mistake_names_file_line_and_cure() {
    let place = Place::new();
    for (text, mistakes) in WRONG {
        place.write("weir.toml", text);
        let said = place.fails("check", 1);
        let lines: Vec<&str> = said.trim_start_matches("weir: ").lines().collect();
        assert_eq!(lines.len(), mistakes.len(), "{text}\n{said}");
        for (line, (number, what, cure)) in lines.iter().zip(*mistakes) {
            let (message, cured) = line.split_once("; ").unwrap_or_else(|| panic!("no cure: {line}"));
            assert!(message.starts_with(&format!("weir.toml:{number}: ")), "line {number}: {line}");
            assert!(message.contains(what) && cured.contains(cure), "{what} … {cure}\n{line}");
        }
        // Whatever needs the configuration says the same and does nothing.
        for command in ["usage", "import weir.toml", "run --listen 127.0.0.1:0", "top proto", "check --dump"]
        {
            assert_eq!(place.fails(command, 1), said, "{command}");
        }
        assert!(!place.path("store").exists());
    }
}

/// Everything that can be said.
const FULL: &str = r#"
[store]
path = "a \"store\""
disk = "1.5 TiB"

[[listen]]
udp = "[::]:2055"
[[listen]]
udp = "0.0.0.0:6343"

[[exporter]]
name = "core"
address = "192.0.2.1"
sampling = 100
interfaces = { vlan31 = 31, "ge-0/0/1" = 512 }
count = ["vlan31", 32]

[[exporter]]
address = "2001:db8::1"
count = "ingress"

[[tenant]]
name = "avtotrade"
networks = ["192.168.31.0/24", "2001:db8:31::/64", "203.0.113.7"]
mail = ["rent@example.com"]

[[tenant]]
name = "döner & söhne"
networks = ["192.168.31.128/25"]
nested = true

[accounting]
own = ["192.168.0.0/16"]
sampling_default = 1000

[billing]
zone = "Asia/Kolkata"
day = 31
unit = 1024
"#;

#[test]
fn the_dump_says_everything_and_is_read_back() {
    let place = Place::new();
    place.write("weir.toml", FULL);
    let good = place.done("check");
    assert_eq!(good, "weir.toml: good; 2 tenants, 2 exporters, 2 listeners, store a \"store\"\n");
    let dump = place.done("check --dump");
    for said in [
        "path = 'a \"store\"'",
        "disk = \"1649267441664 B\"",
        "udp = \"[::]:2055\"",
        "udp = \"0.0.0.0:6343\"",
        "sampling = 100",
        "count = [31, 32]",
        "\"ge-0/0/1\" = 512",
        "name = \"2001:db8::1\"",
        "count = \"ingress\"",
        "networks = [\"192.168.31.0/24\", \"2001:db8:31::/64\", \"203.0.113.7/32\"]",
        "nested = true",
        "mail = [\"rent@example.com\"]",
        "own = [\"192.168.0.0/16\"]",
        "sampling_default = 1000",
        "zone = \"Asia/Kolkata\"\nday = 31\nunit = 1024",
    ] {
        assert!(dump.contains(said), "{said}\n{dump}");
    }
    place.write("dump.toml", &dump);
    assert_eq!(place.done("check -c dump.toml --dump"), dump);
}

#[test]
fn without_a_file_there_are_defaults_and_a_missing_one_is_said() {
    let place = Place::new();
    std::fs::remove_file(place.path("weir.toml")).unwrap();
    // Unless this machine has one where every machine may have one.
    if !std::path::Path::new("/etc/weir/weir.toml").exists() {
        assert!(place.done("check").starts_with("no configuration: "));
        place.write("defaults.toml", place.done("check --dump"));
        assert_eq!(place.done("check -c defaults.toml --dump"), place.done("check --dump"));
    }
    let said = place.fails("check -c nowhere.toml", 1);
    assert!(said.starts_with("weir: cannot read the configuration nowhere.toml: "), "{said}");
}

/// What the machine does not have: a configuration, what `check` and `run` say of it, and of its cure.
const NOT_HERE: &[(&str, &[&str])] = &[
    ("listen = []\n", &["nothing to listen on: name a port with [[listen]]"]),
    (
        "[[listen]]\nudp = \"203.0.113.1:2055\"\n",
        &["udp 203.0.113.1:2055 of [[listen]] cannot be had: ", "; write an address of this machine"],
    ),
    (
        "[web]\nlisten = \"203.0.113.1:9559\"\n",
        &["203.0.113.1:9559 of [web] cannot be had: ", "; write an address of this machine"],
    ),
    (
        "[web]\nlisten = \"127.0.0.1:29559\"\n[[listen]]\ntcp = \"0.0.0.0:29559\"\n",
        &[
            "tcp 0.0.0.0:29559 of [[listen]] and 127.0.0.1:29559 of [web] are the same port; give one of them another",
        ],
    ),
    (
        "[[listen]]\nudp = \"0.0.0.0:29055\"\n[[listen]]\nudp = \"127.0.0.1:29055\"\n",
        &["udp 0.0.0.0:29055 of [[listen]] and udp 127.0.0.1:29055 of [[listen]] are the same port"],
    ),
    (
        "[[listen]]\ntls = \"127.0.0.1:29056\"\ncertificate = \"no.pem\"\nkey = \"no.key\"\n",
        &["cannot use the certificate no.pem: No such file", "; see certificate, key and client_ca"],
    ),
    ("[store]\npath = \"weir.toml\"\n", &["the store weir.toml is no folder; name one in path of [store]"]),
    #[cfg(not(feature = "sql"))]
    (
        "[sql]\nlisten = \"127.0.0.1:29432\"\nusers = { me = \"password\" }\n",
        &["this weir was built without SQL: take [sql] out"],
    ),
];

#[test]
fn check_refuses_what_run_refuses() {
    let place = Place::new();
    for (text, parts) in NOT_HERE {
        place.write("weir.toml", text);
        let said = place.fails("check", 1);
        for part in *parts {
            assert!(said.contains(part), "{part}\n{said}");
        }
        // The daemon knows the store by its whole path.
        let folder = place.path("").display().to_string();
        assert_eq!(place.fails("run", 1).replace(&folder, ""), said, "{text}");
        assert!(!place.path("weir-store").exists());
    }
}

/// What only a part of weir cannot do without: `check` refuses it, `run` warns of it.
const PARTS: &[(&str, &str)] = &[
    ("[names]\nhosts = \"nobody\"\n", "cannot read the names in nobody: No such file"),
    (
        "[mail]\nfrom = \"a@example.org\"\nsendmail = \"/nowhere/sendmail\"\n",
        "sendmail of [mail]: /nowhere/sendmail cannot be run: No such file or directory (os error 2); install it",
    ),
    (
        "[mail]\nfrom = \"a@example.org\"\nserver = \"mx.example.org\"\nca_file = \"weir.toml\"\n",
        "cannot use the ca_file weir.toml: it holds nothing in PEM form; see [mail]",
    ),
    (
        "[mail]\nfrom = \"a@example.org\"\nserver = \"mx.example.org\"\nuser = \"me\"\npassword_file = \"open\"\n",
        "cannot use the password_file open: others may read or write it; chmod 600 it; see [mail]",
    ),
    (
        "[[quota]]\nname = \"fair\"\nlimit = \"1 GB\"\nthresholds = [80]\n\
         [[quota.action]]\nat = 80\ndo = \"exec\"\nprogram = [\"/nowhere/notify\"]\n",
        "[[quota.action]] of the quota \"fair\": /nowhere/notify cannot be run: ",
    ),
];

#[test]
fn check_refuses_what_run_warns_of() {
    let place = Place::new();
    place.write("open", "secret");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(place.path("open"), mode).unwrap();
    for (text, part) in PARTS {
        place.write(
            "weir.toml",
            format!("[store]\npath = \"store\"\n[[listen]]\nudp = \"127.0.0.1:0\"\n{text}"),
        );
        let said = place.fails("check", 1);
        assert!(said.contains(part), "{part}\n{said}");
        let daemon = Daemon::start_as_configured(&place, "listening on udp");
        until("the warning", || daemon.log().contains(part));
        daemon.stop();
    }
}
