//! Every device, in every way it can be asked for.

use super::order::{Order, Wish};
use super::{Device, Protocol, Sampling, Source, TEMPLATE_S, Topic, device, devices, snippet, suggestion};
use std::collections::HashSet;
use std::net::IpAddr;

fn wish() -> Wish {
    Wish {
        collector: "203.0.113.77:9995".to_owned(),
        protocol: None,
        interfaces: Vec::new(),
        sampling: None,
        source: None,
        active_s: 60,
        inactive_s: 15,
    }
}

fn order(device: &Device, wish: &Wish) -> Order {
    Order::new(device, wish).unwrap_or_else(|error| panic!("{}: {error}", device.name))
}

/// A source in the form the device takes.
fn a_source(device: &Device) -> Option<String> {
    match device.source {
        Source::Interface(_) | Source::ChosenInterface => Some("uplink7".to_owned()),
        Source::Address | Source::Chosen => Some("198.51.100.9".to_owned()),
        Source::Fixed => None,
    }
}

/// Whether a word stands in the text, not as a part of another.
fn has(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part)
            && !text[at + word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
    })
}

#[test]
fn every_snippet_has_what_was_asked_for() {
    for device in devices() {
        for protocol in device.protocols {
            let wish = Wish { protocol: Some(*protocol), source: a_source(device), ..wish() };
            let order = order(device, &wish);
            let lines = snippet::bare(device, &order);
            let what = format!("{} {}\n{lines}", device.name, protocol.word());
            assert!(has(&lines, "203.0.113.77"), "{what}");
            assert!(has(&lines, "9995"), "{what}");
            if let Some(source) = a_source(device) {
                // Of sFlow the agent address is the one that matters; what has no option for it says so.
                assert!(has(&lines, &source) || device.name == "openvswitch", "{source} in {what}");
            }
            if device.interface.is_some() {
                let first = order.interfaces.first().unwrap();
                assert!(lines.contains(first.split('.').next().unwrap()), "{what}");
            }
            if *protocol != Protocol::Sflow {
                let active =
                    [" 60", "=60", "\"60\"", "active 1", "60000", "1m", "active-timeout 1", "interval 1"];
                assert!(active.iter().any(|text| lines.contains(text)), "{what}");
            }
        }
    }
}

#[test]
fn no_placeholder_is_left_and_all_of_it_can_be_pasted() {
    for device in devices() {
        for protocol in device.protocols {
            let wish = Wish { protocol: Some(*protocol), ..wish() };
            let order = order(device, &wish);
            let text = snippet::render(device, &order);
            for (placeholder, why) in [
                ("<", "a bracket"),
                ("{{", "a brace"),
                ("TODO", "work"),
                ("x.x", "an address"),
                ("YOUR", "a hole"),
            ] {
                // Shells have here-documents.
                assert!(!text.replace("<<'EOF'", "").contains(placeholder), "{}: {why}\n{text}", device.name);
            }
            let bare = snippet::bare(device, &order);
            let pasted: Vec<&str> = bare.lines().collect();
            let told: Vec<&str> =
                text.lines().filter(|l| !l.is_empty() && !l.starts_with(device.comment)).collect();
            // IOS-XR and others have comments among their lines, too.
            let lines: Vec<&str> =
                pasted.iter().copied().filter(|l| !l.is_empty() && !l.starts_with(device.comment)).collect();
            assert_eq!(told, lines, "{}", device.name);
            assert!(text.lines().all(|l| l.chars().count() <= 200), "{}", device.name);
            assert!(text.contains("What weir needs, and why:"), "{}", device.name);
            assert!(text.contains("Check with:") && !device.check.is_empty(), "{}", device.name);
            assert_eq!(text.contains("ONLY EXAMPLES"), !order.examples.is_empty(), "{}", device.name);
        }
    }
}

#[test]
fn templates_and_options_are_told_every_minute_where_the_device_can() {
    for device in devices().filter(|d| d.protocols.iter().any(|p| p.has_templates())) {
        let protocol = device.protocols.iter().copied().find(|p| p.has_templates());
        let lines = snippet::bare(device, &order(device, &Wish { protocol, ..wish() }));
        let is_said = [format!(" {TEMPLATE_S}"), format!("={TEMPLATE_S}"), format!("{TEMPLATE_S}000")]
            .iter()
            .any(|seconds| lines.lines().any(|l| l.contains("template") && l.contains(seconds.as_str())));
        let in_minutes = [
            "template timeout-rate 1",
            "template-refresh-rate minutes 1",
            "v9-template-timeout=1m",
            "timeout_rate=1",
        ]
        .iter()
        .any(|text| lines.contains(text));
        let can = device.templates.starts_with("every 60 s") || device.templates.starts_with("every minute");
        assert_eq!(is_said || in_minutes, can, "{}: {}\n{lines}", device.name, device.templates);
        assert!(!device.templates.is_empty(), "{}", device.name);
    }
}

#[test]
fn sampling_is_said_where_it_can_be_and_refused_where_not() {
    for device in devices() {
        for protocol in device.protocols {
            let wish = Wish { protocol: Some(*protocol), sampling: Some(512), ..wish() };
            let is_exact = device.sampling == Sampling::Never || device.exact.contains(protocol);
            match (is_exact, Order::new(device, &wish)) {
                (true, answer) => {
                    assert!(answer.unwrap_err().contains("cannot sample"), "{}", device.name);
                }
                (false, Ok(order)) => {
                    let lines = snippet::bare(device, &order);
                    // RouterOS is told how many to leave out.
                    let is_said = has(&lines, "512") || lines.contains("sampling-space=511");
                    assert!(is_said, "{}\n{lines}", device.name);
                    let text = snippet::render(device, &order);
                    let must_be_told = !device.tells.sampling && *protocol != Protocol::Sflow;
                    assert_eq!(text.contains("#   sampling = 512"), must_be_told, "{text}");
                }
                (false, Err(error)) => panic!("{}: {error}", device.name),
            }
            let zero = Wish { sampling: Some(0), ..wish };
            assert!(Order::new(device, &zero).unwrap_err().contains("--sampling 0"), "{}", device.name);
        }
    }
}

#[test]
fn names_are_unique_and_near_ones_are_suggested() {
    let mut names = HashSet::new();
    for device in devices() {
        for name in std::iter::once(&device.name).chain(device.also) {
            assert!(names.insert(*name), "{name} means two things");
            assert_eq!(*name, name.to_lowercase());
        }
    }
    assert_eq!(device("RouterOS").unwrap().name, "mikrotik");
    assert!(device("router").is_none());
    assert_eq!(suggestion("mikrotk"), Some("mikrotik"));
    assert_eq!(suggestion("cisco"), Some("cisco-ios"));
    assert_eq!(suggestion("jnos"), Some("junos"));
    assert_eq!(suggestion("opensense"), Some("opnsense"));
    assert_eq!(suggestion("a washing machine"), None);
}

#[test]
fn the_collector_must_be_an_address_of_one_machine() {
    let mikrotik = device("mikrotik").unwrap();
    let ask = |text: &str| Order::new(mikrotik, &Wish { collector: text.to_owned(), ..wish() });
    for (text, address, port) in [
        ("192.0.2.10", "192.0.2.10", 2055),
        ("192.0.2.10:9995", "192.0.2.10", 9995),
        ("2001:db8::10", "2001:db8::10", 2055),
        ("[2001:db8::10]", "2001:db8::10", 2055),
        ("[2001:db8::10]:4739", "2001:db8::10", 4739),
        ("::ffff:192.0.2.10", "192.0.2.10", 2055),
    ] {
        let order = ask(text).unwrap();
        assert_eq!((order.collector, order.port), (address.parse::<IpAddr>().unwrap(), port), "{text}");
    }
    for (text, says) in [
        ("weir.example.com", "is no address"),
        ("192.0.2.300", "is no address"),
        ("192.0.2.10:99999", "is no address"),
        ("192.0.2.10:0", "port 0"),
        ("0.0.0.0", "one machine"),
        ("[::]:2055", "one machine"),
        ("239.1.1.1", "one machine"),
        ("255.255.255.255", "one machine"),
        ("", "is no address"),
    ] {
        let said = ask(text).unwrap_err();
        assert!(said.contains(says), "{text}: {said}");
    }
}

/// Nothing that is typed gets out of the line it is put into.
#[test]
fn names_cannot_carry_anything_else() {
    for bad in ["eth0; reboot", "eth0 eth1", "$(id)", "`id`", "a\nb", "", "-x", "\"", "é", &"e".repeat(65)] {
        for device in devices() {
            let by_interface = Wish { interfaces: vec![bad.to_owned()], ..wish() };
            assert!(Order::new(device, &by_interface).is_err(), "{}: {bad:?}", device.name);
            if !bad.is_empty() {
                let by_source = Wish { source: Some(bad.to_owned()), ..wish() };
                assert!(Order::new(device, &by_source).is_err(), "{}: {bad:?}", device.name);
            }
        }
    }
}

#[test]
fn timeouts_stay_within_what_the_device_takes() {
    let junos = device("junos").unwrap();
    let error = Order::new(junos, &Wish { active_s: 601, ..wish() }).unwrap_err();
    assert_eq!(error, "junos takes an active timeout from 10 to 600 seconds, not 601");
    let error = Order::new(junos, &Wish { inactive_s: 61, ..wish() }).unwrap_err();
    assert_eq!(error, "--inactive 61 is not from 1 to the active timeout, 60");
    // What takes whole minutes is given them, and the text says so.
    let mikrotik = device("mikrotik").unwrap();
    let order = order(mikrotik, &Wish { active_s: 61, ..wish() });
    assert!(snippet::bare(mikrotik, &order).contains("active-flow-timeout=2m"));
    assert!(snippet::render(mikrotik, &order).contains("active timeout 120 s"));
    // A bin is five minutes.
    let long = self::order(mikrotik, &Wish { active_s: 360, ..wish() });
    assert!(snippet::render(mikrotik, &long).contains("LONGER THAN A BIN"));
}

#[test]
fn line_cards_and_units_of_junos_follow_the_interfaces() {
    let junos = device("junos").unwrap();
    let interfaces = ["xe-1/0/0.100", "xe-1/0/1", "et-3/0/0.0"].map(str::to_owned).to_vec();
    let lines = snippet::bare(junos, &order(junos, &Wish { interfaces, ..wish() }));
    for line in [
        "set chassis fpc 1 sampling-instance WEIR",
        "set chassis fpc 3 sampling-instance WEIR",
        "set interfaces xe-1/0/0 unit 100 family inet sampling input",
        "set interfaces xe-1/0/1 unit 0 family inet6 sampling input",
    ] {
        assert_eq!(lines.lines().filter(|l| *l == line).count(), 1, "{line}\n{lines}");
    }
    assert!(!lines.contains("fpc 0"));
}

#[test]
fn every_device_has_its_cures() {
    for device in devices() {
        assert!(device.cure(Topic::Clock).is_some(), "{}: its clock", device.name);
        let has_flows = device.protocols.iter().any(|p| *p != Protocol::Sflow);
        assert_eq!(device.cure(Topic::Active).is_some(), has_flows, "{}: its active timeout", device.name);
        let mut topics = HashSet::new();
        for (topic, line) in device.cures {
            assert!(topics.insert(format!("{topic:?}")), "{}: {topic:?} twice", device.name);
            assert!(!line.is_empty() && !line.contains('<'), "{}: {line}", device.name);
        }
    }
}
